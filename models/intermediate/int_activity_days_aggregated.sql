with

as_of as (
    select * from {{ ref('int_as_of') }}
),

-- Counted per account and day before the customer is looked up: events are the longest table.
events_by_account as (
    select
        events.account_id,
        cast(events.occurred_at as date) as active_on,
        sum(case when events.event_type = 'login' then 1 else 0 end) as logins,
        greatest(count(distinct events.session_id), 1) as visits
    from {{ ref('stg_ecommerce__events') }} as events
    cross join as_of
    where events.account_id is not null and events.occurred_at < as_of.as_of_end
    group by
        events.account_id,
        cast(events.occurred_at as date)
),

activities as (
    select
        xref.customer_id,
        events_by_account.active_on,
        events_by_account.logins,
        events_by_account.visits,
        0 as service_contacts,
        0 as purchases
    from events_by_account
    inner join {{ ref('stg_identity__customer_xref') }} as xref
        on events_by_account.account_id = xref.record_key and xref.source = 'ecommerce.customers'
    where xref.customer_id is not null
    union all
    -- An agent's own call says nothing about the customer's habit.
    select
        customer_id,
        cast(opened_at as date) as active_on,
        0 as logins,
        0 as visits,
        1 as service_contacts,
        0 as purchases
    from {{ ref('int_cases_resolved') }}
    where customer_id is not null and coalesce(direction, 'inbound') <> 'outbound'
    union all
    select
        customer_id,
        purchased_on as active_on,
        0 as logins,
        0 as visits,
        0 as service_contacts,
        purchases
    from {{ ref('int_purchase_days_aggregated') }}
    where purchases > 0
),

days as (
    select
        customer_id,
        active_on,
        cast(sum(logins) as integer) as logins,
        cast(sum(visits) as integer) as visits,
        cast(sum(service_contacts) as integer) as service_contacts,
        cast(sum(purchases) as integer) as purchases
    from activities
    group by
        customer_id,
        active_on
)

select * from days
