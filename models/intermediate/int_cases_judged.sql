with

cases as (
    select * from {{ ref('int_cases_resolved') }}
),

surveys as (
    select * from {{ ref('int_surveys_resolved') }}
),

rules as (
    select * from {{ ref('int_service_rules') }}
),

purchases as (
    select
        customer_id,
        purchased_on
    from {{ ref('int_purchase_days_aggregated') }}
    where purchases > 0
),

-- What the sources tell at all: a clock that nobody delivers says nothing about any case.
told as (
    select
        count(first_response_at) > 0 as tells_response,
        max(case when resolved_at is not null or is_resolution_told then 1 else 0 end) = 1 as tells_resolution,
        (select count(*) from purchases) > 0 as tells_purchases
    from cases
),

ruled as (
    select
        cases.*,
        told.tells_response,
        told.tells_resolution,
        told.tells_purchases,
        rules.repeat_days,
        rules.second_touch_days,
        rules.closed_loop_days,
        rules.timeout_cause_days,
        rules.promoter_days,
        rules.promoter_from,
        rules.repurchase_days,
        rules.repeat_touch_score,
        rules.first_response_target,
        rules.handling_target,
        rules.complaint_resolution_target,
        rules.objection_response_target,
        rules.complex_solution_target,
        cast(cases.opened_at as date) as opened_on,
        cases.case_type = 'complaint' as is_complaint,
        case when told.tells_resolution then cases.is_resolved end as is_solved,
        -- The moment from which an answer of the customer can follow.
        coalesce(cases.resolved_at, cases.first_response_at, cases.opened_at) as settled_at,
        -- Only who turns to us makes a contact; a case without a direction is one.
        cases.customer_id is not null and coalesce(cases.direction, 'inbound') = 'inbound' as is_contact,
        {{ ruled_clock('first_response', 'first_response_minutes') }} as first_response_clock,
        {{ ruled_clock('handling', 'handling_minutes') }} as handling_clock,
        {{ ruled_clock('complaint_resolution', 'resolution_minutes') }} as complaint_resolution_clock,
        {{ ruled_clock('objection_response', 'first_response_minutes') }} as objection_response_clock,
        {{ ruled_clock('objection_response', 'resolution_minutes') }} as objection_solution_clock,
        {{ ruled_clock('complex_solution', 'resolution_minutes') }} as complex_solution_clock,
        {{ ruled_clock('first_response', 'age_minutes') }} as first_response_age,
        {{ ruled_clock('complaint_resolution', 'age_minutes') }} as complaint_resolution_age,
        {{ ruled_clock('objection_response', 'age_minutes') }} as objection_response_age,
        {{ ruled_clock('complex_solution', 'age_minutes') }} as complex_solution_age
    from cases
    cross join told
    inner join rules
        on
            cast(cases.opened_at as date) >= rules.valid_from
            and cast(cases.opened_at as date) < rules.replaced_on
),

timed as (
    select
        *,
        case
            when first_response_clock is not null then first_response_clock > first_response_target
            when first_response_at is not null or not tells_response then null
            -- Solved with no first response on record: it came by then at the latest.
            when complaint_resolution_clock <= first_response_target then false
            when is_open and first_response_age > first_response_target then true
        end as is_response_timeout,
        handling_clock <= handling_target as is_handled_in_time,
        case
            when not coalesce(is_complaint, false) then null
            when is_solved and complaint_resolution_clock is not null
                then complaint_resolution_clock <= complaint_resolution_target
            when not is_solved and complaint_resolution_age > complaint_resolution_target then false
        end as is_complaint_solved_in_time,
        case
            when not coalesce(is_complaint, false) then null
            when objection_response_clock is not null then objection_response_clock <= objection_response_target
            when first_response_at is not null or not tells_response then null
            when objection_solution_clock <= objection_response_target then true
            when is_open and objection_response_age > objection_response_target then false
        end as is_objection_answered_in_time,
        case
            when not coalesce(is_complaint, false) then null
            when is_solved then objection_solution_clock > objection_response_target
            when not is_solved and objection_response_age > objection_response_target then true
        end as is_complex,
        case
            when not coalesce(is_complaint, false) then null
            when is_solved then complex_solution_clock <= complex_solution_target
            when not is_solved and complex_solution_age > complex_solution_target then false
        end as is_solved_in_time
    from ruled
),

contacts as (
    select
        case_id,
        lag(opened_on) over (contacts_in_order) as previous_contact_on,
        lead(opened_on) over (contacts_in_order) as next_contact_on,
        lead(opened_at) over (contacts_in_order) as next_contact_at,
        min(case when handled_by = 'human' then opened_on end) over (
            contacts_in_order rows between 1 following and unbounded following
        ) as next_human_on,
        max(case when is_response_timeout then opened_on end) over (
            contacts_in_order rows between unbounded preceding and 1 preceding
        ) as previous_timeout_on
    from timed
    where is_contact
    window contacts_in_order as (partition by customer_id order by opened_at, case_id)
),

named_answers as (
    select
        timed.case_id,
        max(case when {{ answer_moment('surveys.responded_at') }} >= timed.settled_at then 1 else 0 end) = 1
            as is_answered,
        min({{ survey_score('surveys') }}) as worst_score,
        max_by({{ survey_score('surveys') }}, surveys.responded_at) as last_score,
        max(surveys.responded_at) as last_answered_at,
        max_by(surveys.nps, surveys.responded_at) as nps,
        max_by(surveys.csat, surveys.responded_at) as csat
    from timed
    inner join surveys on timed.case_id = surveys.case_id
    group by timed.case_id
),

other_answers as (
    {{ answers_without_case() }}
),

next_answers as (
    {{ first_since(
        'timed', ['case_id', 'settled_at', 'closed_loop_days', 'is_solved'], 'settled_at',
        'other_answers', answer_moment('responded_at')
    ) }}
),

later_answers as (
    select case_id
    from next_answers
    where
        is_solved
        and {{ days_between('cast(settled_at as date)', 'cast(happened_at as date)') }} <= closed_loop_days
),

recommended as (
    {{ recommendations_of_customers() }}
),

complaints as (
    select *
    from timed
    where is_complaint
),

recommendations as (
    {{ last_recommendations(
        'complaints', ['case_id'], end_of_day(days_after('cast(settled_at as date)', 'promoter_days'))
    ) }}
),

next_purchases as (
    {{ first_since(
        'complaints', ['case_id', 'opened_on', 'repurchase_days'], days_after('opened_on', 1),
        'purchases', 'purchased_on'
    ) }}
),

repurchases as (
    select case_id
    from next_purchases
    where {{ days_between('opened_on', 'happened_at') }} <= repurchase_days
),

joined as (
    select
        timed.*,
        named_answers.nps,
        named_answers.csat,
        named_answers.worst_score as worst_survey_score,
        named_answers.last_score as last_survey_score,
        named_answers.last_answered_at,
        case
            when timed.is_contact
                then coalesce(
                    {{ days_between('contacts.previous_contact_on', 'timed.opened_on') }} <= timed.repeat_days, false
                )
        end as is_repeat_7d,
        case
            when timed.is_contact
                then coalesce(
                    {{ days_between('timed.opened_on', 'contacts.next_contact_on') }} <= timed.repeat_days, false
                )
        end as has_repeat_7d,
        contacts.next_contact_at,
        case
            when timed.is_contact and timed.handled_by = 'bot'
                then coalesce(
                    {{ days_between('timed.opened_on', 'contacts.next_human_on') }} <= timed.second_touch_days, false
                )
        end as has_second_touch,
        coalesce(
            {{ days_between('contacts.previous_timeout_on', 'timed.opened_on') }} <= timed.timeout_cause_days, false
        ) as follows_timeout,
        case
            when timed.is_solved
                then coalesce(named_answers.is_answered, false) or later_answers.case_id is not null
            when not timed.is_solved then false
        end as is_closed_loop,
        recommendations.nps_after >= timed.promoter_from as became_promoter,
        case
            when timed.is_complaint and timed.customer_id is not null and timed.tells_purchases
                then repurchases.case_id is not null
        end as is_repurchased
    from timed
    left join contacts on timed.case_id = contacts.case_id
    left join named_answers on timed.case_id = named_answers.case_id
    left join later_answers on timed.case_id = later_answers.case_id
    left join recommendations on timed.case_id = recommendations.case_id
    left join repurchases on timed.case_id = repurchases.case_id
),

scored as (
    select
        *,
        -- 100 within the target, less in proportion beyond it, 0 for none at all.
        case
            when first_response_clock is not null then {{ timeliness('first_response_clock', 'first_response_target') }}
            when is_response_timeout then 0
        end as response_score,
        case
            when is_solved and is_complaint
                then {{ timeliness('complaint_resolution_clock', 'complaint_resolution_target') }}
            when is_solved then {{ timeliness('handling_clock', 'handling_target') }}
            when not is_solved and (not is_open or complex_solution_age > complex_solution_target) then 0
        end as resolution_score,
        case when has_repeat_7d then repeat_touch_score end as repeat_score,
        case
            when handled_by = 'bot' and not is_solved then false
            when handled_by = 'bot' and has_second_touch then false
            when handled_by = 'bot' and is_solved and has_second_touch is not null then true
        end as bot_contained,
        case
            when is_complaint then coalesce(is_response_timeout, false) or follows_timeout
        end as is_timeout_complaint
    from joined
),

-- The touches of a case in the order in which they come where their times are equal.
touched as (
    select
        *,
        least(response_score, resolution_score, worst_survey_score, repeat_score) as worst_touch_score,
        greatest(
            case when response_score is not null then coalesce(first_response_at, opened_at) end,
            case when resolution_score is not null then coalesce(resolved_at, first_response_at, opened_at) end,
            case when last_survey_score is not null then last_answered_at end,
            case when repeat_score is not null then next_contact_at end
        ) as last_touch_at
    from scored
),

judged as (
    select
        *,
        case worst_touch_score
            when repeat_score then 'repeat_contact'
            when worst_survey_score then 'survey'
            when resolution_score then 'resolution'
            when response_score then 'first_response'
        end as worst_touch,
        case
            when repeat_score is not null and next_contact_at = last_touch_at then 'repeat_contact'
            when last_survey_score is not null and last_answered_at = last_touch_at then 'survey'
            when
                resolution_score is not null
                and coalesce(resolved_at, first_response_at, opened_at) = last_touch_at
                then 'resolution'
            when response_score is not null then 'first_response'
        end as last_touch
    from touched
),

ended as (
    select
        case_id,
        customer_id,
        opened_at,
        opened_on,
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
        is_complaint,
        is_solved,
        is_contact,
        first_response_minutes,
        handling_minutes,
        resolution_minutes,
        first_response_minutes_working,
        handling_minutes_working,
        resolution_minutes_working,
        is_response_timeout,
        is_handled_in_time,
        is_complaint_solved_in_time,
        is_objection_answered_in_time,
        is_complex,
        is_solved_in_time,
        is_closed_loop,
        is_repeat_7d,
        has_repeat_7d,
        bot_contained,
        has_second_touch,
        is_timeout_complaint,
        became_promoter,
        is_repurchased,
        cast(nps as integer) as nps,
        cast(csat as integer) as csat,
        worst_touch,
        cast(worst_touch_score as decimal(5, 2)) as worst_touch_score,
        last_touch,
        cast(
            case last_touch
                when 'repeat_contact' then repeat_score
                when 'survey' then last_survey_score
                when 'resolution' then resolution_score
                when 'first_response' then response_score
            end as decimal(5, 2)
        ) as last_touch_score
    from judged
),

peaked as (
    select
        *,
        cast((worst_touch_score + last_touch_score) / 2 as decimal(5, 2)) as peak_end_score
    from ended
)

select * from peaked
