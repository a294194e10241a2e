-- depends_on: {{ ref('tier_schemes') }}
{%- set schemes = official_schemes() %}
-- Each part reads the states themselves: a CTE that several read is copied, here a row for each month of everybody.
with

days as (
    select * from {{ ref('int_kpi_days') }}
),

core_versions as (
    select
        days.evaluated_on,
        core_tiers.tier,
        dense_rank() over (
            partition by days.evaluated_on
            order by
                case when core_tiers.valid_from <= days.evaluated_on then core_tiers.valid_from end desc nulls last,
                core_tiers.valid_from asc
        ) as age
    from days
    inner join {{ ref('core_tiers') }} as core_tiers on days.official_scheme = core_tiers.scheme
),

core as (
    select
        evaluated_on,
        tier
    from core_versions
    where age = 1
),

-- A customer who bought in two channels on one day is counted for one of them.
purchase_channels as (
    select
        customer_id,
        purchased_on,
        min(channel) as channel
    from {{ ref('int_orders_aggregated') }}
    where customer_id is not null and is_purchase
    group by
        customer_id,
        purchased_on
),

first_purchases as (
    select
        customer_id,
        min(purchased_on) as first_on
    from {{ ref('int_purchase_days_aggregated') }}
    where purchases > 0
    group by customer_id
),

-- The second of the first day, or the first of the next.
second_purchases as (
    select
        firsts.customer_id,
        firsts.first_on,
        min(days.purchased_on) as second_on
    from first_purchases as firsts
    inner join {{ ref('int_purchase_days_aggregated') }} as days on firsts.customer_id = days.customer_id
    where days.purchases > case when days.purchased_on = firsts.first_on then 1 else 0 end
    group by
        firsts.customer_id,
        firsts.first_on
),

customers as (
    select
        states.evaluated_on,
        coalesce({{ tier_in(schemes, 'days.official_scheme', 'states') }}, 'unknown') as tier,
        coalesce(purchase_channels.channel, 'none') as channel,
        case when states.window_purchases > 0 then 1 else 0 end as is_buyer,
        case when states.window_purchases > 1 then 1 else 0 end as is_repeater,
        case when states.tenure_days <= days.new_customer_conversion_days then 1 else 0 end as is_new,
        case when states.total_purchases > 0 then 1 else 0 end as has_bought,
        case when states.total_purchases > 0 then states.clv_365d end as clv,
        case
            when
                second_purchases.second_on <= states.evaluated_on
                and second_purchases.second_on
                >= {{ days_after('states.evaluated_on', '-days.days_first_to_second_days') }}
                then {{ days_between('second_purchases.first_on', 'second_purchases.second_on') }}
        end as days_to_second
    from {{ ref('int_customer_states') }} as states
    inner join days on states.evaluated_on = days.evaluated_on
    left join purchase_channels
        on
            states.customer_id = purchase_channels.customer_id
            and states.last_purchase_on = purchase_channels.purchased_on
    left join second_purchases on states.customer_id = second_purchases.customer_id
),

customer_cube as (
    select
        customers.evaluated_on,
        customers.tier,
        customers.channel,
        count(*) as customers,
        sum(customers.is_buyer) as buyers,
        sum(customers.is_repeater) as repeaters,
        sum(case when core.tier is not null then customers.is_buyer else 0 end) as core_buyers,
        sum(case when core.tier is not null then customers.is_repeater else 0 end) as core_repeaters,
        sum(customers.is_new) as new_customers,
        sum(customers.is_new * customers.has_bought) as new_buyers,
        count(customers.clv) as valued_customers,
        coalesce(sum(customers.clv), 0) as clv,
        count(customers.days_to_second) as second_purchases,
        coalesce(sum(customers.days_to_second), 0) as days_to_second
    from customers
    left join core on customers.evaluated_on = core.evaluated_on and customers.tier = core.tier
    group by
        customers.evaluated_on,
        customers.tier,
        customers.channel
),

-- What customers of a tier are compared with; a customer has no channel of service.
tier_cube as (
    select
        evaluated_on,
        tier,
        cast(null as varchar(200)) as channel,
        sum(customers) as customers
    from customer_cube
    group by
        evaluated_on,
        tier
),

-- Who was in the group when its window began, under the tier and channel of that day.
cohorts as (
    select
        'core_churn_rate' as kpi,
        days.evaluated_on,
        states.customer_id,
        states.evaluated_on as since_on,
        states.last_purchase_on,
        core.tier
    from days
    inner join days as start_days on days.core_since_on = start_days.evaluated_on
    inner join {{ ref('int_customer_states') }} as states on start_days.evaluated_on = states.evaluated_on
    inner join core
        on
            start_days.evaluated_on = core.evaluated_on
            and {{ tier_in(schemes, 'start_days.official_scheme', 'states') }} = core.tier
    union all
    select
        'dormant_wakeup_rate' as kpi,
        days.evaluated_on,
        states.customer_id,
        states.evaluated_on as since_on,
        states.last_purchase_on,
        coalesce({{ tier_in(schemes, 'start_days.official_scheme', 'states') }}, 'unknown') as tier
    from days
    inner join days as start_days on days.dormant_since_on = start_days.evaluated_on
    inner join {{ ref('int_customer_states') }} as states
        on
            start_days.evaluated_on = states.evaluated_on
            and states.total_purchases > 0
            and states.window_purchases = 0
),

cohort_cube as (
    select
        cohorts.kpi,
        cohorts.evaluated_on,
        cohorts.tier,
        coalesce(purchase_channels.channel, 'none') as channel,
        count(*) as customers,
        sum(case when states.last_purchase_on > cohorts.since_on then 1 else 0 end) as buyers
    from cohorts
    inner join {{ ref('int_customer_states') }} as states
        on cohorts.customer_id = states.customer_id and cohorts.evaluated_on = states.evaluated_on
    left join purchase_channels
        on
            cohorts.customer_id = purchase_channels.customer_id
            and cohorts.last_purchase_on = purchase_channels.purchased_on
    group by
        cohorts.kpi,
        cohorts.evaluated_on,
        cohorts.tier,
        coalesce(purchase_channels.channel, 'none')
),

spenders as (
    select
        evaluated_on,
        window_spend,
        row_number() over (partition by evaluated_on order by window_spend desc) as place
    from {{ ref('int_customer_states') }}
    where window_spend > 0
),

tops as (
    select
        days.evaluated_on,
        cast(ceil(count(*) * max(days.top_share)) as integer) as top_customers
    from {{ ref('int_customer_states') }} as states
    inner join days on states.evaluated_on = days.evaluated_on
    where states.window_spend > 0
    group by days.evaluated_on
),

-- Within a tier or a channel the top share says something else: counted over all customers only.
concentration as (
    select
        spenders.evaluated_on,
        cast(null as varchar(200)) as tier,
        cast(null as varchar(200)) as channel,
        sum(case when spenders.place <= tops.top_customers then spenders.window_spend else 0 end) as top_spend,
        sum(spenders.window_spend) as spend
    from spenders
    inner join tops on spenders.evaluated_on = tops.evaluated_on
    group by spenders.evaluated_on
),

counts as (
    {{ kpi_rows('customer_cube', [
        ('repurchase_rate_365d', 'repeaters', 'buyers'),
        ('core_repurchase_rate_365d', 'core_repeaters', 'core_buyers'),
        ('new_customer_conversion', 'new_buyers', 'new_customers'),
        ('clv_mean', 'clv', 'valued_customers'),
        ('days_first_to_second', 'days_to_second', 'second_purchases'),
    ]) }}
    union all
    {{ kpi_rows('tier_cube', [('complaint_rate', '0', 'customers')]) }}
    union all
    {{ kpi_rows('concentration', [('revenue_concentration_top5', 'top_spend', 'spend')]) }}
    union all
    select
        kpi,
        evaluated_on,
        tier,
        channel,
        cast(case kpi when 'core_churn_rate' then customers - buyers else buyers end as decimal(28, 4)) as numerator,
        cast(customers as decimal(28, 4)) as denominator
    from cohort_cube
)

select * from counts
