with

as_of as (
    select * from {{ ref('int_as_of') }}
),

xref as (
    select
        source,
        record_key,
        customer_id
    from {{ ref('stg_identity__customer_xref') }}
    where customer_id is not null
),

purchases as (
    select
        customer_id,
        purchased_on as interacted_on,
        case when source = 'pos' then 'store' else 'online' end as touchpoint,
        1 as interactions
    from {{ ref('int_orders_aggregated') }}
    where customer_id is not null and is_purchase
),

-- Counted per account and day before the customer is looked up: events are the longest table.
events_by_account as (
    select
        events.account_id,
        cast(events.occurred_at as date) as interacted_on,
        count(*) as interactions
    from {{ ref('stg_ecommerce__events') }} as events
    cross join as_of
    where events.account_id is not null and events.occurred_at < as_of.as_of_end
    group by
        events.account_id,
        cast(events.occurred_at as date)
),

events as (
    select
        xref.customer_id,
        events_by_account.interacted_on,
        'online' as touchpoint,
        events_by_account.interactions
    from events_by_account
    inner join xref
        on events_by_account.account_id = xref.record_key and xref.source = 'ecommerce.customers'
),

cases as (
    select
        xref.customer_id,
        cast(cases.opened_at as date) as interacted_on,
        'service' as touchpoint,
        1 as interactions
    from {{ ref('stg_call_center__cases') }} as cases
    inner join xref
        on cases.case_id = xref.record_key and xref.source = 'call_center.cases'
    cross join as_of
    where cases.opened_at < as_of.as_of_end
),

answered_outreach as (
    select
        xref.customer_id,
        cast(outreach.responded_at as date) as interacted_on,
        'service' as touchpoint,
        1 as interactions
    from {{ ref('stg_call_center__outreach') }} as outreach
    inner join xref
        on outreach.contact_id = xref.record_key and xref.source = 'call_center.outreach'
    cross join as_of
    where outreach.responded_at < as_of.as_of_end
),

all_interactions as (
    select * from purchases
    union all
    select * from events
    union all
    select * from cases
    union all
    select * from answered_outreach
),

days as (
    select
        customer_id,
        interacted_on,
        touchpoint,
        cast(sum(interactions) as integer) as interactions
    from all_interactions
    group by
        customer_id,
        interacted_on,
        touchpoint
)

select * from days
