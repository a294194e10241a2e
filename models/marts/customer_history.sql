{{ config(materialized='kept', due='placed', day='month_end') }}
-- depends_on: {{ ref('int_customers_moved') }}
with

states as (
    select * from {{ ref('int_customer_states') }}
    where {{ is_due('placed', 'customer_id', 'evaluated_on') }}
),

month_ends as (
    select evaluated_on
    from {{ ref('int_evaluation_days') }}
    where is_month_end
),

final as (
    select
        states.customer_id,
        states.evaluated_on as month_end,
        states.spend_tier,
        states.value_layer,
        states.membership,
        states.service_class,
        states.value_level,
        states.behaviour_type,
        states.rfm_segment,
        {{ rfm_cell('states') }} as rfm_cell,
        states.rfm_fixed_segment,
        states.lifecycle_stage,
        states.funnel_stage,
        states.month_revenue as revenue,
        states.window_purchases,
        states.window_spend,
        states.total_purchases,
        states.total_spend,
        states.repurchase_rate
    from states
    inner join month_ends on states.evaluated_on = month_ends.evaluated_on
)

select * from final
