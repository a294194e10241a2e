-- depends_on: {{ ref('tier_schemes') }}
{%- set schemes = official_schemes() %}
{#- KPI, what is summed, what it is counted of: per case and day of evaluation, empty where the case does not count. -#}
{%- set measures = [
    ('first_response_minutes', 'judged.first_response_clock', 'judged.has_first_response'),
    ('handling_minutes', 'judged.handling_clock', 'judged.has_handling'),
    (
        'complaint_resolution_minutes',
        'judged.is_complaint * judged.resolution_clock',
        'judged.is_complaint * judged.has_resolution',
    ),
    ('problem_solved_rate', 'judged.is_settled', 'judged.has_solution'),
    ('closed_loop_rate', 'judged.is_closed_loop', 'judged.has_solution'),
    ('objection_response_rate', 'judged.is_objection_in_time', 'judged.has_objection_judged'),
    ('complex_solution_rate', 'judged.is_complex_in_time', 'judged.has_complex_judged'),
    ('repeat_contact_rate', 'judged.is_repeat', 'judged.is_contact'),
    ('bot_containment_rate', 'judged.is_contained', 'judged.is_bot'),
    ('second_touch_rate', 'judged.is_second_touch', 'judged.is_bot_contact'),
    ('sales_service_link_rate', 'judged.is_of_buyer', 'judged.is_case'),
] %}
with

days as (
    select * from {{ ref('int_kpi_days') }}
),

states as (
    select * from {{ ref('int_customer_states') }}
),

purchase_days as (
    select
        customer_id,
        purchased_on
    from {{ ref('int_purchase_days_aggregated') }}
    where purchases > 0
),

first_purchases as (
    select
        customer_id,
        min(purchased_on) as first_purchase_on
    from purchase_days
    group by customer_id
),

surveys as (
    select * from {{ ref('int_surveys_resolved') }}
),

-- The clocks that policy chose for each measure, by the day the case was opened.
cases as (
    select
        cases.*,
        rules.repeat_days,
        rules.second_touch_days,
        rules.closed_loop_days,
        rules.timeout_cause_days,
        rules.promoter_days,
        rules.promoter_from as promoter_score,
        rules.repurchase_days,
        rules.first_response_target,
        rules.objection_response_target,
        rules.complex_solution_target,
        rules.first_response_is_working,
        rules.objection_response_is_working,
        rules.complex_solution_is_working,
        cast(cases.opened_at as date) as opened_on,
        coalesce(cases.resolved_at, cases.first_response_at, cases.opened_at) as settled_at,
        {{ ruled_clock('first_response', 'first_response_minutes') }} as first_response_clock,
        {{ ruled_clock('handling', 'handling_minutes') }} as handling_clock,
        {{ ruled_clock('complaint_resolution', 'resolution_minutes') }} as resolution_clock,
        {{ ruled_clock('objection_response', 'first_response_minutes') }} as objection_clock,
        {{ ruled_clock('objection_response', 'resolution_minutes') }} as objection_solution_clock,
        {{ ruled_clock('complex_solution', 'resolution_minutes') }} as complex_clock
    from {{ ref('int_cases_resolved') }} as cases
    inner join {{ ref('int_service_rules') }} as rules
        on
            cast(cases.opened_at as date) >= rules.valid_from
            and cast(cases.opened_at as date) < rules.replaced_on
),

-- Since when the sources tell a clock at all: before, its absence says nothing about a case.
told as (
    select
        min(first_response_at) as response_told_at,
        min(case when is_resolution_told then opened_at else resolved_at end) as resolution_told_at
    from cases
),

-- Working minutes from the end of each day of evaluation to the end of as-of.
desk as (
    select max(seconds_before + ends_second - starts_second) as seconds_until_as_of
    from {{ ref('int_working_spans') }}
),

desk_days as (
    select
        days.evaluated_on,
        (max(desk.seconds_until_as_of) - max(spans.seconds_before + spans.ends_second - spans.starts_second)) / 60.0
            as later_working_minutes
    from days
    inner join {{ ref('int_working_spans') }} as spans on days.evaluated_on >= spans.day
    cross join desk
    group by days.evaluated_on
),

named_answers as (
    select
        cases.case_id,
        min(surveys.responded_at) as answered_at
    from cases
    inner join surveys on cases.case_id = surveys.case_id
    where {{ answer_moment('surveys.responded_at') }} >= cases.settled_at
    group by cases.case_id
),

unnamed as (
    {{ answers_without_case() }}
),

next_answers as (
    {{ first_since(
        'cases', ['case_id', 'settled_at', 'closed_loop_days'], 'settled_at', 'unnamed', answer_moment('responded_at')
    ) }}
),

unnamed_answers as (
    select
        case_id,
        happened_at as answered_at
    from next_answers
    where {{ days_between('cast(settled_at as date)', 'cast(happened_at as date)') }} <= closed_loop_days
),

-- Who turns to us makes a contact; a case without a direction is one.
contacts as (
    select
        case_id,
        lag(opened_on) over contacts_in_order as previous_contact_on,
        min(case when handled_by = 'human' then opened_on end) over (
            contacts_in_order rows between 1 following and unbounded following
        ) as next_human_on
    from cases
    where customer_id is not null and coalesce(direction, 'inbound') = 'inbound'
    window contacts_in_order as (
        partition by customer_id
        order by opened_at, case_id
    )
),

complaints as (
    select *
    from cases
    where case_type = 'complaint'
),

repurchases as (
    {{ first_since('complaints', ['case_id'], days_after('opened_on', 1), 'purchase_days', 'purchased_on') }}
),

-- What was known of each case at the end of each day of evaluation.
dated as (
    select
        days.evaluated_on,
        days.evaluated_end,
        cases.case_id,
        cases.customer_id,
        coalesce(cases.channel, 'unknown') as channel,
        cases.opened_at,
        cases.opened_on,
        cases.handled_by,
        cases.repeat_days,
        cases.second_touch_days,
        cases.timeout_cause_days,
        cases.promoter_days,
        cases.promoter_score,
        cases.repurchase_days,
        cases.first_response_target,
        cases.objection_response_target,
        cases.complex_solution_target,
        {{ days_between('cases.opened_on', 'days.evaluated_on') }} as age_days,
        case when cases.case_type = 'complaint' then 1 else 0 end as is_complaint,
        contacts.case_id is not null as is_inbound,
        contacts.previous_contact_on,
        case when contacts.next_human_on <= days.evaluated_on then contacts.next_human_on end as next_human_on,
        case when repurchases.happened_at <= days.evaluated_on then repurchases.happened_at end as repurchased_on,
        case when first_purchases.first_purchase_on <= days.evaluated_on then 1 else 0 end as is_of_buyer,
        least(named_answers.answered_at, unnamed_answers.answered_at) < days.evaluated_end as is_answered,
        case when cases.first_response_at < days.evaluated_end then cases.first_response_at end as responded_at,
        case when cases.resolved_at < days.evaluated_end then cases.resolved_at end as resolved_at,
        case when cases.first_response_at < days.evaluated_end then cases.first_response_clock end
            as first_response_clock,
        case when cases.first_response_at < days.evaluated_end then cases.objection_clock end as objection_clock,
        case when cases.resolved_at < days.evaluated_end then cases.handling_clock end as handling_clock,
        case when cases.resolved_at < days.evaluated_end then cases.resolution_clock end as any_resolution_clock,
        case when cases.resolved_at < days.evaluated_end then cases.objection_solution_clock end
            as objection_solution_clock,
        case when cases.resolved_at < days.evaluated_end then cases.complex_clock end as complex_clock,
        coalesce(told.response_told_at < days.evaluated_end, false) as tells_response,
        case
            when told.resolution_told_at < days.evaluated_end
                then cases.is_resolved and coalesce(cases.resolved_at < days.evaluated_end, true)
        end as is_solved,
        coalesce(cases.resolved_at >= days.evaluated_end, cases.resolved_at is null and not cases.is_resolved)
            as is_open,
        {% for measure in ['first_response', 'objection_response', 'complex_solution'] -%}
        case
            when cases.{{ measure }}_is_working then cases.age_minutes_working - desk_days.later_working_minutes
            else {{ minutes_between('cases.opened_at', 'days.evaluated_end') }}
        end as {{ measure }}_age,
        {% endfor -%}
        case
            when cases.customer_id is null then 'unlinked'
            else coalesce({{ tier_in(schemes, 'days.official_scheme', 'states') }}, 'unknown')
        end as tier
    from cases
    cross join told
    inner join days
        on
            cases.opened_on <= days.evaluated_on
            and cases.opened_on >= {{ days_after(
                'days.evaluated_on',
                "-case when cases.case_type = 'complaint' then greatest(days.case_days, days.complaint_days) "
                ~ "else days.case_days end - cases.timeout_cause_days"
            ) }}
    inner join desk_days on days.evaluated_on = desk_days.evaluated_on
    left join states
        on cases.customer_id = states.customer_id and days.evaluated_on = states.evaluated_on
    left join contacts on cases.case_id = contacts.case_id
    left join named_answers on cases.case_id = named_answers.case_id
    left join unnamed_answers on cases.case_id = unnamed_answers.case_id
    left join repurchases on cases.case_id = repurchases.case_id
    left join first_purchases on cases.customer_id = first_purchases.customer_id
),

timed as (
    select
        *,
        case
            when first_response_clock is not null then first_response_clock > first_response_target
            when responded_at is not null or not tells_response then null
            when any_resolution_clock <= first_response_target then false
            when is_open and first_response_age > first_response_target then true
        end as is_timeout,
        case
            when objection_clock is not null then objection_clock <= objection_response_target
            when responded_at is not null or not tells_response then null
            when objection_solution_clock <= objection_response_target then true
            when is_open and objection_response_age > objection_response_target then false
        end as is_answered_in_time,
        case
            when is_solved then objection_solution_clock > objection_response_target
            else objection_response_age > objection_response_target
        end as is_complex,
        case
            when is_solved then complex_clock <= complex_solution_target
            when not is_solved and complex_solution_age > complex_solution_target then false
        end as is_solved_in_time,
        case when is_inbound then {{ days_between('opened_on', 'next_human_on') }} <= second_touch_days end
            as has_second_touch
    from dated
),

followed as (
    select
        *,
        max(case when is_timeout and is_inbound then opened_on end) over (
            partition by evaluated_on, customer_id
            order by opened_at, case_id
            rows between unbounded preceding and 1 preceding
        ) as previous_timeout_on
    from timed
),

judged as (
    select
        *,
        1 as is_case,
        case when first_response_clock is not null then 1 end as has_first_response,
        case when handling_clock is not null then 1 end as has_handling,
        case when is_solved then any_resolution_clock end as resolution_clock,
        case when is_solved and any_resolution_clock is not null then 1 end as has_resolution,
        case when is_solved then 1 end as is_settled,
        case when is_solved is not null then 1 end as has_solution,
        case when is_solved and is_answered then 1 end as is_closed_loop,
        case when is_complaint = 1 and is_answered_in_time then 1 end as is_objection_in_time,
        case when is_complaint = 1 and is_answered_in_time is not null then 1 end as has_objection_judged,
        case when is_complaint = 1 and is_complex and is_solved_in_time then 1 end as is_complex_in_time,
        case when is_complaint = 1 and is_complex and is_solved_in_time is not null then 1 end as has_complex_judged,
        case when is_inbound then 1 end as is_contact,
        case when is_inbound and {{ days_between('previous_contact_on', 'opened_on') }} <= repeat_days then 1 end
            as is_repeat,
        -- A case that nobody is known to have may have been taken up by a person unseen.
        case when handled_by = 'bot' and (not is_solved or is_inbound) then 1 end as is_bot,
        case when handled_by = 'bot' and is_solved and is_inbound and not coalesce(has_second_touch, false) then 1 end
            as is_contained,
        case when handled_by = 'bot' and is_inbound then 1 end as is_bot_contact,
        case when handled_by = 'bot' and has_second_touch then 1 end as is_second_touch,
        case
            when
                is_complaint = 1
                and (
                    coalesce(is_timeout, false)
                    or (
                        customer_id is not null
                        and coalesce(
                            {{ days_between('previous_timeout_on', 'opened_on') }} <= timeout_cause_days, false
                        )
                    )
                )
                then 1
            else 0
        end as is_timeout_complaint
    from followed
),

case_cube as (
    select
        judged.evaluated_on,
        judged.tier,
        judged.channel,
        {% for kpi, numerator, denominator in measures -%}
        coalesce(sum(case when judged.age_days <= days.{{ kpi }}_days then {{ numerator }} end), 0)
            as {{ kpi }}_numerator,
        coalesce(sum(case when judged.age_days <= days.{{ kpi }}_days then {{ denominator }} end), 0)
            as {{ kpi }}_denominator,
        {% endfor -%}
        sum(
            case when judged.age_days <= days.timeout_complaint_change_days then judged.is_timeout_complaint else 0 end
        ) as timeouts,
        sum(
            case
                when
                    judged.age_days > days.timeout_complaint_change_days
                    and judged.age_days <= 2 * days.timeout_complaint_change_days + 1
                    then judged.is_timeout_complaint
                else 0
            end
        ) as timeouts_before
    from judged
    inner join days on judged.evaluated_on = days.evaluated_on
    group by
        judged.evaluated_on,
        judged.tier,
        judged.channel
),

recommended as (
    {{ recommendations_of_customers() }}
),

complaints_judged as (
    select
        judged.evaluated_on,
        judged.tier,
        judged.channel,
        judged.customer_id,
        judged.promoter_score,
        judged.promoter_days,
        coalesce(judged.resolved_at, judged.responded_at, judged.opened_at) as settled_at
    from judged
    inner join days on judged.evaluated_on = days.evaluated_on
    where judged.is_complaint = 1 and judged.age_days <= days.complaint_to_promoter_days
),

-- The last recommendation after a complaint was settled, as known on the day.
recommendations as (
    {{ last_recommendations(
        'complaints_judged', ['evaluated_on', 'tier', 'channel', 'promoter_score'],
        end_of_day('least(evaluated_on, ' ~ days_after('cast(settled_at as date)', 'promoter_days') ~ ')')
    ) }}
),

promoter_cube as (
    select
        evaluated_on,
        tier,
        channel,
        sum(case when nps_after >= promoter_score then 1 else 0 end) as promoters,
        count(*) as asked
    from recommendations
    group by
        evaluated_on,
        tier,
        channel
),

-- A customer with several unsolved complaints counts once, under the channel of the last.
unsolved as (
    select
        judged.evaluated_on,
        judged.tier,
        judged.channel,
        max(
            case
                when {{ days_between('judged.opened_on', 'judged.repurchased_on') }} <= judged.repurchase_days then 1
                else 0
            end
        ) over (partition by judged.evaluated_on, judged.customer_id) as has_bought,
        row_number() over (
            partition by judged.evaluated_on, judged.customer_id
            order by judged.opened_at desc, judged.case_id desc
        ) as place
    from judged
    inner join days on judged.evaluated_on = days.evaluated_on
    where
        judged.is_complaint = 1
        and not judged.is_solved
        and judged.customer_id is not null
        and judged.age_days <= days.unsolved_complaint_repurchase_days
),

unsolved_cube as (
    select
        evaluated_on,
        tier,
        channel,
        sum(has_bought) as buyers,
        count(*) as customers
    from unsolved
    where place = 1
    group by
        evaluated_on,
        tier,
        channel
),

-- Who complained, of all customers of the tier: those are counted with the customers.
complainers as (
    select
        judged.evaluated_on,
        judged.tier,
        cast(null as varchar(200)) as channel,
        count(distinct judged.customer_id) as complainers
    from judged
    inner join days on judged.evaluated_on = days.evaluated_on
    where judged.is_complaint = 1 and judged.customer_id is not null and judged.age_days <= days.complaint_rate_days
    group by
        judged.evaluated_on,
        judged.tier
),

counts as (
    {% for kpi, numerator, denominator in measures -%}
    {{ kpi_rows('case_cube', [(kpi, kpi ~ '_numerator', kpi ~ '_denominator')]) }}
    union all
    {% endfor -%}
    {{ kpi_rows('case_cube', [('timeout_complaint_change', 'timeouts - timeouts_before', 'timeouts_before')]) }}
    union all
    {{ kpi_rows('promoter_cube', [('complaint_to_promoter', 'promoters', 'asked')]) }}
    union all
    {{ kpi_rows('unsolved_cube', [('unsolved_complaint_repurchase', 'buyers', 'customers')]) }}
    union all
    {{ kpi_rows('complainers', [('complaint_rate', 'complainers', '0')]) }}
)

select * from counts
