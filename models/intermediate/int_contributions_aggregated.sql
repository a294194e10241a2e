with

as_of as (
    select * from {{ ref('int_as_of') }}
),

types as (
    select * from {{ ref('contribution_types') }}
),

versions as (
    select
        valid_from,
        -- Days before the first version use the first.
        case when row_number() over (order by valid_from) = 1 then cast('0001-01-01' as date) else valid_from end
            as in_force_from,
        coalesce(lead(valid_from) over (order by valid_from), cast('9999-12-31' as date)) as replaced_on
    from types
    group by valid_from
),

rules as (
    select
        types.contribution,
        types.kind,
        types.value,
        types.points,
        versions.in_force_from,
        versions.replaced_on
    from types
    inner join versions on types.valid_from = versions.valid_from
),

first_purchases as (
    select
        customer_id,
        min(purchased_on) as first_purchase_on
    from {{ ref('int_purchase_days_aggregated') }}
    where purchases > 0
    group by customer_id
),

referrals as (
    select
        known.referrer_customer_id as customer_id,
        'referral' as kind,
        'registered' as value,
        coalesce(cast(known.registered_at as date), known.first_seen_on) as contributed_on
    from {{ ref('int_customers_known') }} as known
    where known.referrer_customer_id <> known.customer_id
    union all
    select
        known.referrer_customer_id as customer_id,
        'referral' as kind,
        'bought' as value,
        first_purchases.first_purchase_on as contributed_on
    from {{ ref('int_customers_known') }} as known
    inner join first_purchases on known.customer_id = first_purchases.customer_id
    where known.referrer_customer_id <> known.customer_id
),

event_types as (
    select distinct value from types
    where kind = 'event'
),

events as (
    select
        xref.customer_id,
        'event' as kind,
        events.event_type as value,
        cast(events.occurred_at as date) as contributed_on
    from {{ ref('stg_ecommerce__events') }} as events
    inner join event_types on events.event_type = event_types.value
    inner join {{ ref('stg_identity__customer_xref') }} as xref
        on events.account_id = xref.record_key and xref.source = 'ecommerce.customers'
    cross join as_of
    where events.occurred_at < as_of.as_of_end
),

cases as (
    select
        customer_id,
        'case' as kind,
        case_type as value,
        cast(opened_at as date) as contributed_on
    from {{ ref('int_cases_resolved') }}
),

campaigns as (
    select
        customer_id,
        'campaign' as kind,
        campaign_id as value,
        cast(responded_at as date) as contributed_on
    from {{ ref('int_outreach_resolved') }}
    where is_answered
),

contributions as (
    select * from referrals
    union all
    select * from events
    union all
    select * from cases
    union all
    select * from campaigns
),

days as (
    select
        contributions.customer_id,
        contributions.contributed_on,
        rules.contribution,
        cast(count(*) as integer) as contributions,
        cast(sum(rules.points) as decimal(18, 4)) as contribution_points
    from contributions
    inner join rules
        on
            contributions.kind = rules.kind
            and contributions.value = rules.value
            and contributions.contributed_on >= rules.in_force_from
            and contributions.contributed_on < rules.replaced_on
    where contributions.customer_id is not null
    group by
        contributions.customer_id,
        contributions.contributed_on,
        rules.contribution
)

select * from days
