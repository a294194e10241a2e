with

cases as (
    select * from {{ ref('int_cases_resolved') }}
),

final as (
    select
        case_id,
        customer_id,
        opened_at,
        first_response_at,
        resolved_at,
        channel,
        direction,
        case_type,
        topic,
        need,
        handled_by,
        agent_id,
        is_resolved,
        is_open,
        first_response_minutes,
        resolution_minutes
    from cases
)

select * from final
