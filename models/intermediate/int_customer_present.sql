with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

measured as (
    {{ customer_measures('evaluated_on = (select as_of_date from as_of)') }}
),

final as (
    select
        measured.*,
        states.spend_tier,
        states.value_layer,
        states.membership,
        states.service_class,
        states.value_level,
        states.behaviour_type,
        states.lifecycle_stage,
        states.funnel_stage,
        states.r_fixed_score,
        states.f_fixed_score,
        states.m_fixed_score,
        states.rfm_segment,
        states.rfm_fixed_segment
    from measured
    inner join {{ ref('int_customer_states') }} as states
        on measured.customer_id = states.customer_id and measured.evaluated_on = states.evaluated_on
)

select * from final
