with

source as (
    select * from {{ source('call_center', 'cases') }}
),

typed as (
    select
        record_key,
        case_id,
        opened_at,
        first_response_at,
        resolved_at,
        caller_name,
        caller_phone,
        member_id,
        account_id,
        channel,
        direction,
        case_type,
        topic,
        need,
        is_resolved,
        handled_by,
        agent_id,
        _delivery_date as delivered_on,
        _first_delivered as first_delivered_on
    from source
)

select * from typed
