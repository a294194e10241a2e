with

states as (
    select
        customer_id,
        evaluated_on,
        rfm_segment,
        lifecycle_stage
    from {{ ref('int_customer_states') }}
),

before as (
    select
        customer_id,
        evaluated_on,
        rfm_segment,
        lifecycle_stage,
        lag(rfm_segment) over (partition by customer_id order by evaluated_on) as rfm_segment_before,
        lag(lifecycle_stage) over (partition by customer_id order by evaluated_on) as lifecycle_stage_before
    from states
),

changes as (
    select
        customer_id,
        evaluated_on,
        rfm_segment_before,
        lifecycle_stage_before,
        case when rfm_segment <> rfm_segment_before then evaluated_on end as rfm_segment_changed_on,
        case when lifecycle_stage <> lifecycle_stage_before then evaluated_on end as lifecycle_stage_changed_on
    from before
),

spells as (
    select
        customer_id,
        coalesce(max(rfm_segment_changed_on), min(evaluated_on)) as rfm_segment_since,
        max_by(rfm_segment_before, rfm_segment_changed_on) as previous_rfm_segment,
        coalesce(max(lifecycle_stage_changed_on), min(evaluated_on)) as lifecycle_stage_since,
        max_by(lifecycle_stage_before, lifecycle_stage_changed_on) as previous_lifecycle_stage
    from changes
    group by customer_id
)

select * from spells
