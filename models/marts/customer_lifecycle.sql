-- depends_on: {{ ref('lifecycle_rules') }}
{%- set stages = policy_rules('lifecycle_rules', scheme='lifecycle_view', outcome='stage') %}
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

states as (
    select
        states.*,
        habits.category_change,
        habits.order_value_change,
        as_of.as_of_date
    from {{ ref('int_customer_states') }} as states
    inner join as_of on states.evaluated_on = as_of.as_of_date
    left join {{ ref('int_customer_habits_aggregated') }} as habits on states.customer_id = habits.customer_id
),

spells as (
    select * from {{ ref('int_state_spells') }}
),

final as (
    select
        states.customer_id,
        states.lifecycle_stage as stage,
        spells.lifecycle_stage_since as since,
        spells.previous_lifecycle_stage as previous_stage,
        {{ first_that_holds(stages, 'stage', 'states.as_of_date', show='rule') }} as decided_by,
        {{ first_that_holds(stages, 'funnel', 'states.as_of_date') }} as funnel_stage,
        {{ first_that_holds(stages, 'funnel', 'states.as_of_date', show='rule') }} as funnel_decided_by,
        cast(states.days_since_interaction as integer) as days_since_interaction,
        cast(states.tenure_days as integer) as tenure_days,
        cast(states.days_since_first_purchase as integer) as days_since_first_purchase,
        states.recent_interactions,
        states.activity_change,
        states.window_purchases,
        states.total_purchases,
        states.category_change,
        states.order_value_change,
        states.as_of_date as as_of
    from states
    inner join spells on states.customer_id = spells.customer_id
)

select * from final
