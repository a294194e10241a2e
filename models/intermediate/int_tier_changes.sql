{{ config(materialized='kept', due='counted', rows='customers') }}
-- depends_on: {{ ref('tier_schemes') }}
{%- set tiers = policy_rules('tier_schemes') %}
{%- set exact = exact_schemes(tiers) %}
with

customers as (
    select
        customer_id,
        coalesce(first_seen_on, cast('1900-01-01' as date)) as known_from
    from {{ ref('int_customers_known') }}
    where {{ customer_is_due('counted', 'customer_id') }}
),

purchase_days as (
    select
        customer_id,
        purchased_on,
        purchases,
        units_bought,
        net_amount
    from {{ ref('int_purchase_days_aggregated') }}
    where {{ customer_is_due('counted', 'customer_id') }}
),

-- Days before the first version of the window use the first.
spend_windows as (
    select
        cast(settings.value as integer) as spend_days,
        case
            when row_number() over (order by settings.valid_from) = 1 then cast('0001-01-01' as date)
            else settings.valid_from
        end as in_force_from,
        coalesce(lead(settings.valid_from) over (order by settings.valid_from), cast('9999-12-31' as date))
            as replaced_on
    from {{ ref('evaluation_windows') }} as settings
    where settings.setting = 'spend_days'
),

policy_days as (
    select tier_schemes.valid_from
    from {{ ref('tier_schemes') }} as tier_schemes
    union distinct
    select spend_windows.in_force_from as valid_from
    from spend_windows
),

-- Every day on which a tier can change, ahead of as-of too: first seen, a purchase, its leaving the window, a new policy. Counted over each
-- window that policy ever set, and kept for the days on which that window was in force.
changes as (
    select
        customers.customer_id,
        spend_windows.in_force_from,
        customers.known_from as changed_on,
        0 as purchases,
        0 as units_bought,
        0 as net_amount,
        0 as window_purchases,
        0 as window_spend
    from customers
    cross join spend_windows
    union all
    select
        customers.customer_id,
        spend_windows.in_force_from,
        policy_days.valid_from as changed_on,
        0 as purchases,
        0 as units_bought,
        0 as net_amount,
        0 as window_purchases,
        0 as window_spend
    from customers
    cross join spend_windows
    inner join policy_days
        on
            customers.known_from < policy_days.valid_from
            and spend_windows.in_force_from <= policy_days.valid_from
            and spend_windows.replaced_on > policy_days.valid_from
    union all
    select
        purchase_days.customer_id,
        spend_windows.in_force_from,
        purchase_days.purchased_on as changed_on,
        purchase_days.purchases,
        purchase_days.units_bought,
        purchase_days.net_amount,
        purchase_days.purchases as window_purchases,
        purchase_days.net_amount as window_spend
    from purchase_days
    cross join spend_windows
    union all
    select
        purchase_days.customer_id,
        spend_windows.in_force_from,
        {{ days_after('purchase_days.purchased_on', 'spend_windows.spend_days + 1') }} as changed_on,
        0 as purchases,
        0 as units_bought,
        0 as net_amount,
        -purchase_days.purchases as window_purchases,
        -purchase_days.net_amount as window_spend
    from purchase_days
    cross join spend_windows
),

-- All rows of a day have the sums of its end, so only the first of them can differ from the day before.
running as (
    select
        customer_id,
        in_force_from,
        changed_on,
        sum(purchases) over so_far as total_purchases,
        sum(units_bought) over so_far as units_bought,
        sum(net_amount) over so_far as total_spend,
        sum(window_purchases) over so_far as window_purchases,
        sum(window_spend) over so_far as window_spend
    from changes
    window so_far as (
        partition by customer_id, in_force_from
        order by changed_on
        range between unbounded preceding and current row
    )
),

placed as (
    select
        {%- for scheme in exact %}
        {{ first_that_holds(tiers, scheme, 'running.changed_on') }} as {{ scheme }},
        {%- endfor %}
        running.customer_id,
        running.changed_on
    from running
    inner join spend_windows
        on
            running.in_force_from = spend_windows.in_force_from
            and running.changed_on >= spend_windows.in_force_from
            and running.changed_on < spend_windows.replaced_on
),

compared as (
    select
        {%- for scheme in exact %}
        {{ scheme }},
        lag({{ scheme }}) over by_day as previous_{{ scheme }},
        {%- endfor %}
        customer_id,
        changed_on
    from placed
    window by_day as (partition by customer_id order by changed_on)
),

taken as (
    {%- for scheme in exact %}
    select
        customer_id,
        '{{ scheme }}' as scheme,
        changed_on,
        {{ scheme }} as tier,
        previous_{{ scheme }} as previous_tier
    from compared
    where previous_{{ scheme }} is null or {{ scheme }} <> previous_{{ scheme }}
    {{- ' union all' if not loop.last }}
    {%- else %}
    select
        customer_id,
        cast(null as varchar(100)) as scheme,
        changed_on,
        cast(null as varchar(100)) as tier,
        cast(null as varchar(100)) as previous_tier
    from compared
    where false
    {%- endfor %}
),

final as (
    select
        customer_id,
        scheme,
        nullif(changed_on, cast('1900-01-01' as date)) as changed_on,
        tier,
        previous_tier,
        lead(changed_on) over (partition by customer_id, scheme order by changed_on) as replaced_on
    from taken
)

select * from final
