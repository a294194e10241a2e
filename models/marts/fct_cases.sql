-- depends_on: {{ ref('tier_schemes') }}
{%- set official = official_schemes() %}
with

cases as (
    select * from {{ ref('int_cases_judged') }}
),

evaluation_days as (
    select
        evaluated_on,
        lag(evaluated_on) over (order by evaluated_on) as previous_evaluated_on
    from {{ ref('int_evaluation_days') }}
),

-- A month of cases follows the tier at its end; before the history begins no tier is known.
tiers as (
    select
        cases.case_id,
        {{ tier_in(official, official_scheme_on(official, 'states.evaluated_on'), 'states') }} as tier
    from cases
    inner join evaluation_days
        on
            cases.opened_on <= evaluation_days.evaluated_on
            and cases.opened_on > coalesce(
                evaluation_days.previous_evaluated_on,
                last_day({{ months_after('evaluation_days.evaluated_on', -1) }})
            )
    inner join {{ ref('int_customer_states') }} as states
        on cases.customer_id = states.customer_id and evaluation_days.evaluated_on = states.evaluated_on
),

final as (
    select
        cases.case_id,
        cases.customer_id,
        coalesce(tiers.tier, case when cases.customer_id is null then 'unlinked' else 'unknown' end) as tier,
        cases.opened_at,
        cases.opened_on,
        cases.first_response_at,
        cases.resolved_at,
        cases.channel,
        cases.direction,
        cases.case_type,
        cases.topic,
        cases.need,
        cases.handled_by,
        cases.agent_id,
        cases.is_resolved,
        cases.is_open,
        cases.is_complaint,
        cases.is_solved,
        cases.first_response_minutes,
        cases.handling_minutes,
        cases.resolution_minutes,
        cases.first_response_minutes_working,
        cases.handling_minutes_working,
        cases.resolution_minutes_working,
        cases.is_response_timeout,
        cases.is_handled_in_time,
        cases.is_complaint_solved_in_time,
        cases.is_objection_answered_in_time,
        cases.is_complex,
        cases.is_solved_in_time,
        cases.is_closed_loop,
        cases.is_repeat_7d,
        cases.has_repeat_7d,
        cases.bot_contained,
        cases.has_second_touch,
        cases.is_timeout_complaint,
        cases.became_promoter,
        cases.is_repurchased,
        cases.nps,
        cases.csat,
        cases.worst_touch,
        cases.worst_touch_score,
        cases.last_touch,
        cases.last_touch_score,
        cases.peak_end_score
    from cases
    left join tiers on cases.case_id = tiers.case_id
)

select * from final
