with

cases as (
    select
        *,
        opened_on as day,
        coalesce(channel, 'unknown') as channel_or_unknown,
        coalesce(topic, 'unknown') as topic_or_unknown,
        coalesce(agent_id, 'unknown') as agent_or_unknown
    from {{ ref('fct_cases') }}
),

days as (
    select
        day,
        channel_or_unknown as channel,
        topic_or_unknown as topic,
        agent_or_unknown as agent_id,
        tier,
        cast(count(*) as bigint) as cases,
        cast(sum(case when is_open then 1 else 0 end) as bigint) as open_cases,
        cast(sum(case when is_complaint then 1 else 0 end) as bigint) as complaints,
        cast(count(is_complaint) as bigint) as typed_cases,
        cast(count(first_response_minutes) as bigint) as responded_cases,
        cast(coalesce(sum(first_response_minutes), 0) as decimal(18, 2)) as first_response_minutes,
        cast(coalesce(sum(first_response_minutes_working), 0) as decimal(18, 2)) as first_response_minutes_working,
        cast(count(is_response_timeout) as bigint) as response_judged_cases,
        cast(sum(case when is_response_timeout then 1 else 0 end) as bigint) as response_timeouts,
        cast(count(handling_minutes) as bigint) as handled_cases,
        cast(coalesce(sum(handling_minutes), 0) as decimal(18, 2)) as handling_minutes,
        cast(coalesce(sum(handling_minutes_working), 0) as decimal(18, 2)) as handling_minutes_working,
        cast(sum(case when is_handled_in_time then 1 else 0 end) as bigint) as handled_in_time_cases,
        cast(
            sum(case when is_complaint and is_solved and resolution_minutes is not null then 1 else 0 end) as bigint
        ) as resolved_complaints,
        cast(
            sum(case when is_complaint and is_solved then coalesce(resolution_minutes, 0) else 0 end) as decimal(18, 2)
        ) as complaint_resolution_minutes,
        cast(
            sum(case when is_complaint and is_solved then coalesce(resolution_minutes_working, 0) else 0 end)
            as decimal(18, 2)
        ) as complaint_resolution_minutes_working,
        cast(count(is_complaint_solved_in_time) as bigint) as judged_complaints,
        cast(sum(case when is_complaint_solved_in_time then 1 else 0 end) as bigint) as complaints_solved_in_time,
        cast(count(is_solved) as bigint) as outcome_cases,
        cast(sum(case when is_solved then 1 else 0 end) as bigint) as solved_cases,
        cast(sum(case when is_closed_loop then 1 else 0 end) as bigint) as closed_loop_cases,
        cast(count(is_objection_answered_in_time) as bigint) as judged_objections,
        cast(sum(case when is_objection_answered_in_time then 1 else 0 end) as bigint) as objections_answered_in_time,
        cast(sum(case when is_complex then 1 else 0 end) as bigint) as complex_objections,
        cast(
            sum(case when is_complex and is_solved_in_time is not null then 1 else 0 end) as bigint
        ) as judged_complex_objections,
        cast(sum(case when is_complex and is_solved_in_time then 1 else 0 end) as bigint) as complex_solved_in_time,
        cast(count(is_repeat_7d) as bigint) as contacts,
        cast(sum(case when is_repeat_7d then 1 else 0 end) as bigint) as repeat_contacts,
        cast(sum(case when has_repeat_7d then 1 else 0 end) as bigint) as repeated_contacts,
        cast(count(bot_contained) as bigint) as bot_judged_cases,
        cast(sum(case when bot_contained then 1 else 0 end) as bigint) as bot_contained_cases,
        cast(count(has_second_touch) as bigint) as bot_contacts,
        cast(sum(case when has_second_touch then 1 else 0 end) as bigint) as second_touches,
        cast(sum(case when is_timeout_complaint then 1 else 0 end) as bigint) as timeout_complaints,
        cast(count(became_promoter) as bigint) as asked_complaints,
        cast(sum(case when became_promoter then 1 else 0 end) as bigint) as promoter_complaints,
        cast(
            sum(case when is_complaint and not is_solved and is_repurchased is not null then 1 else 0 end) as bigint
        ) as unsolved_complaints,
        cast(
            sum(case when is_complaint and not is_solved and is_repurchased then 1 else 0 end) as bigint
        ) as unsolved_repurchases,
        cast(count(csat) as bigint) as csat_answers,
        cast(coalesce(sum(csat), 0) as bigint) as csat_sum,
        cast(count(peak_end_score) as bigint) as scored_cases,
        cast(coalesce(sum(peak_end_score), 0) as decimal(18, 2)) as peak_end_score_sum
    from cases
    group by
        day,
        channel_or_unknown,
        topic_or_unknown,
        agent_or_unknown,
        tier
)

select * from days
