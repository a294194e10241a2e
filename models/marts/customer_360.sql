-- depends_on: {{ ref('tag_rules') }}, {{ ref('profile_fields') }}, {{ ref('activity_classes') }}
{%- set tag_rules = policy_rule_steps('tag_rules', name='tag') %}
{%- set profile_fields = policy_rule_steps('profile_fields', name='field', also='weight') %}
{%- set activity_classes = policy_rules('activity_classes', scheme="'activity_class'", outcome='activity_class') %}
with

customers as (
    select * from {{ ref('int_customers_known') }}
),

as_of as (
    select
        as_of_date,
        habit_days
    from {{ ref('int_as_of') }}
),

states as (
    select * from {{ ref('int_customer_present') }}
),

behaviours as (
    select behaviours.*
    from {{ ref('int_customer_behaviours') }} as behaviours
    inner join as_of on behaviours.evaluated_on = as_of.as_of_date
),

habits as (
    select * from {{ ref('int_customer_habits_aggregated') }}
),

service as (
    select * from {{ ref('int_service_aggregated') }}
),

customer_values as (
    select customer_values.*
    from {{ ref('int_customer_values') }} as customer_values
    inner join as_of on customer_values.evaluated_on = as_of.as_of_date
),

risks as (
    select risks.*
    from {{ ref('int_customer_risks') }} as risks
    inner join as_of on risks.evaluated_on = as_of.as_of_date
),

contact_habits as (
    select * from {{ ref('int_contact_habits_aggregated') }}
),

life_stages as (
    select * from {{ ref('int_life_stages_resolved') }}
),

referrals as (
    select
        referred.referrer_customer_id as customer_id,
        count(*) as referrals_made,
        sum(case when states.total_purchases > 0 then 1 else 0 end) as referrals_converted
    from customers as referred
    inner join states on referred.customer_id = states.customer_id
    where referred.referrer_customer_id <> referred.customer_id
    group by referred.referrer_customer_id
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
        max(case when scheme = 'value_layer' then tier end) as value_layer,
        max(case when scheme = 'membership' then tier end) as membership,
        max(case when scheme = 'service_class' then tier end) as service_class,
        max(case when scheme = 'value_level' then tier end) as value_level,
        max(case when scheme = 'behaviour_type' then tier end) as behaviour_type,
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

recent_days as (
    select
        interactions.customer_id,
        count(distinct interactions.interacted_on) as active_days
    from {{ ref('int_interactions_aggregated') }} as interactions
    cross join as_of
    where interactions.interacted_on > {{ days_after('as_of.as_of_date', '-as_of.habit_days') }}
    group by interactions.customer_id
),

active as (
    select
        customers.customer_id,
        coalesce(recent_days.active_days, 0) as active_days,
        customers.as_of_date
    from customers
    left join recent_days on customers.customer_id = recent_days.customer_id
),

activity as (
    select
        customer_id,
        active_days,
        {{ first_that_holds(activity_classes, 'activity_class', 'as_of_date') }} as activity_class
    from active
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

-- The bands of one day hold together: a later set replaces the one before, whatever its bands are called.
age_bands_by_version as (
    select
        age_bands.*,
        dense_rank() over (
            order by
                case when age_bands.valid_from <= as_of.as_of_date then age_bands.valid_from end desc nulls last,
                age_bands.valid_from asc
        ) as version_rank
    from {{ ref('age_bands') }} as age_bands
    cross join as_of
),

bands as (
    select
        aged.customer_id,
        age_bands.age_band
    from aged
    inner join age_bands_by_version as age_bands
        on age_bands.version_rank = 1 and aged.age >= age_bands.at_least and aged.age < age_bands.below
),

profiles as (
    select
        customers.customer_id,
        customers.masked_name as display_name,
        customers.salutation,
        customers.gender,
        bands.age_band,
        cast(extract(month from customers.birthday) as integer) as birthday_month,
        extract(month from customers.birthday) = extract(month from customers.as_of_date) as is_birthday_month,
        customers.province,
        customers.city,
        customers.masked_phone,
        customers.masked_email,
        customers.member_count > 0 as is_member,
        customers.account_count > 0 as has_account,
        coalesce(service.cases, 0) > 0 as has_cases,
        cast(customers.member_count as integer) as member_count,
        cast(customers.account_count as integer) as account_count,
        cast(customers.record_count as integer) as record_count,
        cast(customers.registered_at as date) as registered_on,
        customers.first_seen_on,
        states.last_interaction_on,
        cast(states.days_since_interaction as integer) as days_since_interaction,
        cast(activity.active_days as integer) as active_days,
        activity.activity_class,
        seen.store_first_seen_on,
        seen.store_last_seen_on,
        seen.online_first_seen_on,
        seen.online_last_seen_on,
        seen.service_first_seen_on,
        seen.service_last_seen_on,
        purchases.first_purchase_on,
        states.last_purchase_on,
        cast(states.days_since_first_purchase as integer) as days_since_first_purchase,
        states.total_purchases as orders,
        cast(coalesce(purchases.gross_revenue, 0) as decimal(18, 4)) as gross_revenue,
        states.total_spend as net_revenue,
        cast(purchases.purchased_amount / nullif(states.total_purchases, 0) as decimal(18, 4)) as average_order_value,
        states.window_purchases as orders_12m,
        states.window_spend as net_revenue_12m,
        behaviours.purchase_cycle_days,
        behaviours.expected_next_purchase_on,
        behaviours.repurchase_rate,
        behaviours.return_share,
        habits.favourite_category,
        habits.favourite_category_share,
        habits.price_band,
        habits.coupon_share,
        habits.promotion_share,
        habits.preferred_channel,
        habits.channel_habit,
        habits.store_share,
        habits.web_share,
        habits.app_share,
        habits.mini_program_share,
        contact_habits.preferred_contact_channel,
        contact_habits.preferred_contact_hour,
        coalesce(contact_habits.contacts_received, 0) as contacts_received,
        coalesce(contact_habits.contacts_answered, 0) as contacts_answered,
        contact_habits.contact_answer_rate,
        contact_habits.last_contact_at,
        contact_habits.last_contact_kind,
        contact_habits.last_contact_channel,
        contact_habits.last_contact_about,
        cast(coalesce(referrals.referrals_made, 0) as integer) as referrals_made,
        cast(coalesce(referrals.referrals_converted, 0) as integer) as referrals_converted,
        life_stages.life_stage,
        life_stages.life_stage_on,
        coalesce(service.cases, 0) as cases,
        coalesce(service.complaints, 0) as complaints,
        coalesce(service.open_cases, 0) as open_cases,
        coalesce(service.open_complaints, 0) as open_complaints,
        service.need_class,
        service.issue_topics,
        service.nps_last,
        service.nps_average,
        service.csat_last,
        service.csat_average,
        customers.marketing_consent,
        segments.official_tier,
        segments.spend_tier,
        segments.spend_tier_since,
        segments.previous_spend_tier,
        segments.value_layer,
        segments.membership,
        segments.service_class,
        segments.value_level,
        segments.behaviour_type,
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
        customer_values.p_alive,
        customer_values.expected_purchases_90d,
        customer_values.expected_purchases_365d,
        customer_values.clv_90d,
        customer_values.clv_365d,
        customer_values.net_clv_365d,
        customer_values.value_method,
        risks.churn_score,
        risks.churn_reasons,
        risks.churn_owner,
        risks.churn_offer,
        risks.loyalty_index,
        risks.health_score,
        customers.as_of_date as as_of
    from customers
    inner join states on customers.customer_id = states.customer_id
    inner join segments on customers.customer_id = segments.customer_id
    inner join rfm on customers.customer_id = rfm.customer_id
    inner join lifecycle on customers.customer_id = lifecycle.customer_id
    left join purchases on customers.customer_id = purchases.customer_id
    left join behaviours on customers.customer_id = behaviours.customer_id
    left join habits on customers.customer_id = habits.customer_id
    left join service on customers.customer_id = service.customer_id
    left join customer_values on customers.customer_id = customer_values.customer_id
    left join risks on customers.customer_id = risks.customer_id
    left join contact_habits on customers.customer_id = contact_habits.customer_id
    left join life_stages on customers.customer_id = life_stages.customer_id
    left join referrals on customers.customer_id = referrals.customer_id
    left join seen on customers.customer_id = seen.customer_id
    left join activity on customers.customer_id = activity.customer_id
    left join bands on customers.customer_id = bands.customer_id
),

completed as (
    select
        *,
        cast({{ weight_that_holds(profile_fields, 'profiles.as_of', 'profiles') }} as decimal(5, 2))
            as profile_completeness
    from profiles
),

final as (
    select
        *,
        {{ rules_that_hold(tag_rules, 'completed.as_of', 'completed') }} as tags
    from completed
)

select * from final
