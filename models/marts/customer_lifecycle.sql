-- depends_on: {{ ref('lifecycle_rules') }}
{%- set stages = policy_rules('lifecycle_rules', scheme='lifecycle_view', outcome='stage') %}
with

states as (
    select
        *,
        evaluated_on as as_of_date
    from {{ ref('int_customer_present') }}
),

changes as (
    select * from {{ ref('int_state_changes_latest') }}
),

final as (
    select
        states.customer_id,
        states.lifecycle_stage as stage,
        stage_changes.changed_on as since,
        stage_changes.previous_tier as previous_stage,
        {{ first_that_holds(stages, 'stage', 'states.as_of_date', show='rule') }} as decided_by,
        states.funnel_stage,
        funnel_changes.changed_on as funnel_since,
        funnel_changes.previous_tier as previous_funnel_stage,
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
    left join changes as stage_changes
        on states.customer_id = stage_changes.customer_id and stage_changes.scheme = 'stage'
    left join changes as funnel_changes
        on states.customer_id = funnel_changes.customer_id and funnel_changes.scheme = 'funnel'
)

select * from final
