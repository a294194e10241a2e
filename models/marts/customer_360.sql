-- depends_on: {{ ref('tag_rules') }}
{%- set tag_rules = policy_rule_steps('tag_rules', name='tag') %}
with

customers as (
    select * from {{ ref('int_customers_known') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

states as (
    select states.*
    from {{ ref('int_customer_states') }} as states
    inner join as_of on states.evaluated_on = as_of.as_of_date
),

habits as (
    select * from {{ ref('int_customer_habits_aggregated') }}
),

service as (
    select * from {{ ref('int_service_aggregated') }}
),

purchases as (
    select
        customer_id,
        min(case when purchases > 0 then purchased_on end) as first_purchase_on,
        sum(gross_amount) as gross_revenue,
        sum(purchased_amount) as purchased_amount
    from {{ ref('int_purchase_days_aggregated') }}
    group by customer_id
),

segments as (
    select
        customer_id,
        max(case when scheme = 'spend_tier' then tier end) as spend_tier,
        max(case when scheme = 'spend_tier' then since end) as spend_tier_since,
        max(case when scheme = 'spend_tier' then previous_tier end) as previous_spend_tier,
        max(case when scheme = 'service_class' then tier end) as service_class,
        max(case when is_official then tier end) as official_tier
    from {{ ref('customer_segments') }}
    group by customer_id
),

rfm as (
    select * from {{ ref('customer_rfm') }}
),

lifecycle as (
    select * from {{ ref('customer_lifecycle') }}
),

seen as (
    select
        customer_id,
        min(case when touchpoint = 'store' then interacted_on end) as store_first_seen_on,
        max(case when touchpoint = 'store' then interacted_on end) as store_last_seen_on,
        min(case when touchpoint = 'online' then interacted_on end) as online_first_seen_on,
        max(case when touchpoint = 'online' then interacted_on end) as online_last_seen_on,
        min(case when touchpoint = 'service' then interacted_on end) as service_first_seen_on,
        max(case when touchpoint = 'service' then interacted_on end) as service_last_seen_on
    from {{ ref('int_interactions_aggregated') }}
    group by customer_id
),

aged as (
    select
        customer_id,
        -- Full years on the day of evaluation.
        extract(year from as_of_date) - extract(year from birthday)
        - case
            when
                extract(month from as_of_date) * 100 + extract(day from as_of_date)
                < extract(month from birthday) * 100 + extract(day from birthday)
                then 1
            else 0
        end as age
    from customers
    where birthday is not null
),

bands as (
    select
        aged.customer_id,
        max(age_bands.age_band) as age_band
    from aged
    inner join {{ ref('age_bands') }} as age_bands
        on aged.age >= age_bands.at_least and aged.age < age_bands.below
    group by aged.customer_id
),

profiles as (
    select
        customers.customer_id,
        customers.masked_name as display_name,
        customers.salutation,
        customers.gender,
        bands.age_band,
        customers.province,
        customers.city,
        customers.member_count > 0 as is_member,
        customers.account_count > 0 as has_account,
        coalesce(service.cases, 0) > 0 as has_cases,
        cast(customers.member_count as integer) as member_count,
        cast(customers.account_count as integer) as account_count,
        cast(customers.record_count as integer) as record_count,
        cast(customers.registered_at as date) as registered_on,
        customers.first_seen_on,
        states.last_interaction_on,
        seen.store_first_seen_on,
        seen.store_last_seen_on,
        seen.online_first_seen_on,
        seen.online_last_seen_on,
        seen.service_first_seen_on,
        seen.service_last_seen_on,
        purchases.first_purchase_on,
        states.last_purchase_on,
        states.total_purchases as orders,
        cast(coalesce(purchases.gross_revenue, 0) as decimal(18, 4)) as gross_revenue,
        states.total_spend as net_revenue,
        cast(purchases.purchased_amount / nullif(states.total_purchases, 0) as decimal(18, 4)) as average_order_value,
        states.window_purchases as orders_12m,
        states.window_spend as net_revenue_12m,
        habits.purchase_cycle_days,
        habits.favourite_category,
        habits.preferred_channel,
        service.preferred_contact_channel,
        coalesce(service.cases, 0) as cases,
        coalesce(service.complaints, 0) as complaints,
        coalesce(service.open_cases, 0) as open_cases,
        service.nps_last,
        service.nps_average,
        service.csat_last,
        service.csat_average,
        customers.marketing_consent,
        segments.official_tier,
        segments.spend_tier,
        segments.spend_tier_since,
        segments.previous_spend_tier,
        segments.service_class,
        rfm.recency_days,
        rfm.r_score,
        rfm.f_score,
        rfm.m_score,
        rfm.rfm_cell,
        rfm.rfm_segment,
        lifecycle.stage as lifecycle_stage,
        lifecycle.since as lifecycle_since,
        lifecycle.previous_stage as previous_lifecycle_stage,
        lifecycle.funnel_stage,
        customers.as_of_date as as_of
    from customers
    inner join states on customers.customer_id = states.customer_id
    inner join segments on customers.customer_id = segments.customer_id
    inner join rfm on customers.customer_id = rfm.customer_id
    inner join lifecycle on customers.customer_id = lifecycle.customer_id
    left join purchases on customers.customer_id = purchases.customer_id
    left join habits on customers.customer_id = habits.customer_id
    left join service on customers.customer_id = service.customer_id
    left join seen on customers.customer_id = seen.customer_id
    left join bands on customers.customer_id = bands.customer_id
),

final as (
    select
        *,
        {{ rules_that_hold(tag_rules, 'profiles.as_of', 'profiles') }} as tags
    from profiles
)

select * from final
