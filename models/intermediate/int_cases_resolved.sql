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
        cases.agent_id,
        as_of.as_of_end
    from {{ ref('stg_call_center__cases') }} as cases
    left join {{ ref('stg_identity__customer_xref') }} as xref
        on cases.case_id = xref.record_key and xref.source = 'call_center.cases'
    cross join as_of
    where cases.opened_at < as_of.as_of_end
),

spans as (
    select * from {{ ref('int_working_spans') }}
),

desk as (
    select max(seconds_before + ends_second - starts_second) as seconds_until_as_of
    from spans
),

clocked as (
    select
        cases.case_id,
        cases.customer_id,
        cases.opened_at,
        cases.first_response_at,
        cases.resolved_at,
        cases.channel,
        cases.direction,
        cases.case_type,
        cases.topic,
        cases.need,
        cases.handled_by,
        cases.agent_id,
        -- The agent's word counts; without one, a time of resolution says it is solved.
        case
            when coalesce(cases.is_resolved_later, false) then false
            else coalesce(cases.is_resolved, cases.resolved_at is not null)
        end as is_resolved,
        cases.is_resolved is not null as is_resolution_told,
        {{ clock_minutes('cases.opened_at', 'cases.first_response_at') }} as first_response_minutes,
        {{ clock_minutes('cases.first_response_at', 'cases.resolved_at') }} as handling_minutes,
        {{ clock_minutes('cases.opened_at', 'cases.resolved_at') }} as resolution_minutes,
        {{ working_minutes('cases.opened_at', 'cases.first_response_at', 'opened', 'responded') }}
            as first_response_minutes_working,
        {{ working_minutes('cases.first_response_at', 'cases.resolved_at', 'responded', 'resolved') }}
            as handling_minutes_working,
        {{ working_minutes('cases.opened_at', 'cases.resolved_at', 'opened', 'resolved') }}
            as resolution_minutes_working,
        {{ minutes_between('cases.opened_at', 'cases.as_of_end') }} as age_minutes,
        cast(
            (desk.seconds_until_as_of - {{ working_seconds_until('cases.opened_at', 'opened') }}) / 60.0
            as decimal(18, 2)
        ) as age_minutes_working
    from cases
    cross join desk
    left join spans as opened
        on {{ in_span('cases.opened_at', 'opened') }}
    left join spans as responded
        on {{ in_span('cases.first_response_at', 'responded') }}
    left join spans as resolved
        on {{ in_span('cases.resolved_at', 'resolved') }}
),

judged as (
    select
        *,
        resolved_at is null and not is_resolved as is_open
    from clocked
)

select * from judged
