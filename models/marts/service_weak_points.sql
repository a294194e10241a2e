with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

windows as (
    select
        as_of.as_of_date,
        rules.weak_point_days
    from as_of
    inner join {{ ref('int_service_rules') }} as rules
        on as_of.as_of_date >= rules.valid_from and as_of.as_of_date < rules.replaced_on
),

impacts as (
    select
        weak_points.problem,
        weak_points.label_zh,
        weak_points.impact,
        row_number() over (
            partition by weak_points.problem
            order by
                case when weak_points.valid_from <= as_of.as_of_date then weak_points.valid_from end desc nulls last,
                weak_points.valid_from asc
        ) as age
    from {{ ref('weak_points') }} as weak_points
    cross join as_of
),

recent as (
    select
        daily.topic,
        daily.channel,
        sum(daily.cases) as cases,
        sum(daily.outcome_cases) - sum(daily.solved_cases) as unsolved,
        sum(daily.outcome_cases) as unsolved_of,
        sum(daily.judged_complaints) - sum(daily.complaints_solved_in_time) as slow_complaint,
        sum(daily.judged_complaints) as slow_complaint_of,
        sum(daily.timeout_complaints) as timeout_complaint,
        sum(daily.complaints) as timeout_complaint_of,
        sum(daily.repeated_contacts) as repeat_contact,
        sum(daily.contacts) as repeat_contact_of,
        sum(daily.second_touches) as second_touch,
        sum(daily.bot_contacts) as second_touch_of,
        sum(daily.response_timeouts) as slow_response,
        sum(daily.response_judged_cases) as slow_response_of,
        sum(daily.handled_cases) - sum(daily.handled_in_time_cases) as slow_handling,
        sum(daily.handled_cases) as slow_handling_of,
        sum(daily.solved_cases) - sum(daily.closed_loop_cases) as open_loop,
        sum(daily.solved_cases) as open_loop_of
    from {{ ref('service_daily') }} as daily
    cross join windows
    where {{ days_between('daily.day', 'windows.as_of_date') }} < windows.weak_point_days
    group by
        daily.topic,
        daily.channel
),

found as (
    {% for problem in [
        'unsolved', 'slow_complaint', 'timeout_complaint', 'repeat_contact',
        'second_touch', 'slow_response', 'slow_handling', 'open_loop'
    ] -%}
    select
        '{{ problem }}' as problem,
        topic,
        channel,
        {{ problem }} as affected_cases,
        {{ problem }}_of as judged_cases
    from recent
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

total as (
    select sum(cases) as cases from recent
),

weighed as (
    select
        found.problem,
        impacts.label_zh,
        found.topic,
        found.channel,
        found.affected_cases,
        found.judged_cases,
        impacts.impact,
        1.0 * found.affected_cases / total.cases as frequency,
        1.0 * found.affected_cases / found.judged_cases as rate
    from found
    inner join impacts on found.problem = impacts.problem and impacts.age = 1
    cross join total
    where found.affected_cases > 0
),

scored as (
    select
        *,
        impact * frequency as score
    from weighed
),

ranked as (
    select
        cast(
            row_number() over (
                order by scored.score desc, scored.impact desc, scored.problem asc, scored.topic asc, scored.channel asc
            ) as integer
        ) as weak_point_rank,
        scored.problem,
        scored.label_zh,
        scored.topic,
        scored.channel,
        cast(scored.affected_cases as bigint) as affected_cases,
        cast(scored.judged_cases as bigint) as judged_cases,
        cast(scored.rate as decimal(9, 6)) as rate,
        cast(scored.impact as decimal(18, 4)) as impact,
        cast(scored.frequency as decimal(9, 6)) as frequency,
        cast(scored.score as decimal(18, 6)) as score,
        as_of.as_of_date as as_of
    from scored
    cross join as_of
)

select * from ranked
