-- depends_on: {{ ref('tier_schemes') }}
{%- set tiers = policy_rules('tier_schemes') %}
with

as_of as (
    select * from {{ ref('int_as_of') }}
),

customers as (
    select
        customer_id,
        coalesce(first_seen_on, cast('1900-01-01' as date)) as known_from
    from {{ ref('int_customers_known') }}
),

purchase_days as (
    select * from {{ ref('int_purchase_days_aggregated') }}
),

policy_days as (
    select distinct tier_schemes.valid_from
    from {{ ref('tier_schemes') }} as tier_schemes
    inner join as_of on tier_schemes.valid_from <= as_of.as_of_date
),

-- Every day on which a tier can change: first seen, a purchase, its leaving the window, a new policy.
changes as (
    select
        customer_id,
        known_from as changed_on,
        0 as purchases,
        0 as units_bought,
        0 as net_amount,
        0 as window_purchases,
        0 as window_spend
    from customers
    union all
    select
        customers.customer_id,
        policy_days.valid_from as changed_on,
        0 as purchases,
        0 as units_bought,
        0 as net_amount,
        0 as window_purchases,
        0 as window_spend
    from customers
    inner join policy_days on customers.known_from < policy_days.valid_from
    union all
    select
        customer_id,
        purchased_on as changed_on,
        purchases,
        units_bought,
        net_amount,
        purchases as window_purchases,
        net_amount as window_spend
    from purchase_days
    union all
    select
        purchase_days.customer_id,
        {{ days_after('purchase_days.purchased_on', 'as_of.spend_days + 1') }} as changed_on,
        0 as purchases,
        0 as units_bought,
        0 as net_amount,
        -purchase_days.purchases as window_purchases,
        -purchase_days.net_amount as window_spend
    from purchase_days
    cross join as_of
),

days as (
    select
        changes.customer_id,
        changes.changed_on,
        sum(changes.purchases) as purchases,
        sum(changes.units_bought) as units_bought,
        sum(changes.net_amount) as net_amount,
        sum(changes.window_purchases) as window_purchases,
        sum(changes.window_spend) as window_spend
    from changes
    cross join as_of
    where changes.changed_on <= as_of.as_of_date
    group by
        changes.customer_id,
        changes.changed_on
),

running as (
    select
        customer_id,
        changed_on,
        sum(purchases) over so_far as total_purchases,
        sum(units_bought) over so_far as units_bought,
        sum(net_amount) over so_far as total_spend,
        sum(window_purchases) over so_far as window_purchases,
        sum(window_spend) over so_far as window_spend
    from days
    window so_far as (
        partition by customer_id
        order by changed_on
        rows between unbounded preceding and current row
    )
),

placed as (
    select
        customer_id,
        changed_on,
        {{ first_that_holds(tiers, 'spend_tier', 'changed_on') }} as spend_tier,
        {{ first_that_holds(tiers, 'service_class', 'changed_on') }} as service_class
    from running
),

compared as (
    select
        customer_id,
        changed_on,
        spend_tier,
        lag(spend_tier) over (partition by customer_id order by changed_on) as previous_spend_tier,
        service_class,
        lag(service_class) over (partition by customer_id order by changed_on) as previous_service_class
    from placed
),

schemes as (
    select
        customer_id,
        'spend_tier' as scheme,
        changed_on,
        spend_tier as tier,
        previous_spend_tier as previous_tier
    from compared
    where previous_spend_tier is null or spend_tier <> previous_spend_tier
    union all
    select
        customer_id,
        'service_class' as scheme,
        changed_on,
        service_class as tier,
        previous_service_class as previous_tier
    from compared
    where previous_service_class is null or service_class <> previous_service_class
),

final as (
    select
        customer_id,
        scheme,
        nullif(changed_on, cast('1900-01-01' as date)) as changed_on,
        tier,
        previous_tier,
        lead(changed_on) over (partition by customer_id, scheme order by changed_on) is null as is_present
    from schemes
)

select * from final
