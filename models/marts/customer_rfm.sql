with

states as (
    select * from {{ ref('int_customer_present') }}
),

final as (
    select
        states.customer_id,
        cast(states.days_since_purchase as integer) as recency_days,
        states.total_purchases as frequency,
        states.total_spend as monetary,
        states.r_score,
        states.f_score,
        states.m_score,
        {{ rfm_cell('states') }} as rfm_cell,
        states.rfm_segment,
        states.r_fixed_score,
        states.f_fixed_score,
        states.m_fixed_score,
        cast(states.r_fixed_score as varchar(1)) || cast(states.f_fixed_score as varchar(1))
        || cast(states.m_fixed_score as varchar(1)) as rfm_fixed_cell,
        states.rfm_fixed_segment,
        states.evaluated_on as as_of
    from states
)

select * from final
