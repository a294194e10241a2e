with

as_of as (
    select * from {{ ref('int_as_of') }}
),

cases as (
    select
        cases.case_id,
        xref.customer_id,
        cases.opened_at,
        case when cases.first_response_at < as_of.as_of_end then cases.first_response_at end as first_response_at,
        case when cases.resolved_at < as_of.as_of_end then cases.resolved_at end as resolved_at,
        cases.resolved_at >= as_of.as_of_end as is_resolved_later,
        cases.channel,
        cases.direction,
        cases.case_type,
        cases.topic,
        cases.need,
        cases.is_resolved,
        cases.handled_by,
        cases.agent_id
    from {{ ref('stg_call_center__cases') }} as cases
    left join {{ ref('stg_identity__customer_xref') }} as xref
        on cases.case_id = xref.record_key and xref.source = 'call_center.cases'
    cross join as_of
    where cases.opened_at < as_of.as_of_end
),

clocked as (
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
        -- The agent's word counts; without one, a time of resolution says it is solved.
        case
            when coalesce(is_resolved_later, false) then false
            else coalesce(is_resolved, resolved_at is not null)
        end as is_resolved,
        {{ minutes_between('opened_at', 'first_response_at') }} as first_response_minutes,
        {{ minutes_between('opened_at', 'resolved_at') }} as resolution_minutes
    from cases
),

judged as (
    select
        *,
        resolved_at is null and not is_resolved as is_open
    from clocked
)

select * from judged
