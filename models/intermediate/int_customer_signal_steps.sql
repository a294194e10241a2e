{{ config(materialized='kept', due='counted', rows='steps') }}
{#- Counted twice: in the activity window, and in the window of a year before it, which is the habit. -#}
{%- set habits = ['logins', 'visits', 'service_contacts', 'purchases'] %}
{#- Counted over the spend window. -#}
{%- set opinions = [
    'nps_points', 'nps_answers', 'service_quality_points', 'service_quality_answers', 'care_points', 'care_answers',
    'other_points', 'other_answers', 'cases', 'solved_cases',
] %}
{%- set told = opinions + ['unsolved_complaints'] %}
{%- set measures = [] %}
{%- for habit in habits %}
{%- do measures.extend(['recent_' ~ habit, 'habit_' ~ habit]) %}
{%- endfor %}
{%- do measures.extend(told) %}
with

as_of as (
    select * from {{ ref('int_as_of') }}
),

evaluation_days as (
    select * from {{ ref('int_evaluation_days') }}
),

frame as (
    select
        as_of.as_of_date,
        min(evaluation_days.evaluated_on) as first_evaluated_on
    from as_of
    cross join evaluation_days
    group by as_of.as_of_date
),

window_sets as (
    select distinct
        window_set,
        spend_days,
        activity_days
    from evaluation_days
),

cases as (
    select
        case_id,
        customer_id,
        case_type,
        topic,
        cast(opened_at as date) as opened_on,
        case when is_resolved then coalesce(cast(resolved_at as date), cast(opened_at as date)) end as solved_on
    from {{ ref('int_cases_resolved') }}
),

driver_topics as (
    select
        part as driver,
        ' ' || topics || ' ' as topics,
        case
            when row_number() over (partition by part order by valid_from) = 1 then cast('1900-01-01' as date)
            else valid_from
        end as valid_from,
        coalesce(lead(valid_from) over (partition by part order by valid_from), cast('9999-12-31' as date))
            as replaced_on
    from {{ ref('loyalty_weights') }}
    where level = 'driver' and part in ('service_quality', 'care')
),

answers as (
    select
        surveys.customer_id,
        cast(surveys.responded_at as date) as answered_on,
        surveys.nps,
        surveys.csat,
        coalesce(min(driver_topics.driver), 'other') as driver
    from {{ ref('int_surveys_resolved') }} as surveys
    left join cases on surveys.case_id = cases.case_id
    left join driver_topics
        on
            driver_topics.topics like '% ' || cases.topic || ' %'
            and cast(surveys.responded_at as date) >= driver_topics.valid_from
            and cast(surveys.responded_at as date) < driver_topics.replaced_on
    where surveys.customer_id is not null
    group by
        surveys.survey_id,
        surveys.customer_id,
        cast(surveys.responded_at as date),
        surveys.nps,
        surveys.csat
),

-- Points run from 0 to 100.
opinions as (
    select
        customer_id,
        answered_on as from_day,
        answered_on as dated_on,
        coalesce(nps * 10, 0) as nps_points,
        case when nps is not null then 1 else 0 end as nps_answers,
        {%- for driver in ['service_quality', 'care', 'other'] %}
        case when driver = '{{ driver }}' and csat is not null then (csat - 1) * 25 else 0 end as {{ driver }}_points,
        case when driver = '{{ driver }}' and csat is not null then 1 else 0 end as {{ driver }}_answers,
        {%- endfor %}
        0 as cases,
        0 as solved_cases
    from answers
    union all
    select
        customer_id,
        opened_on as from_day,
        opened_on as dated_on,
        {{ measures_of(opinions, given={'cases': 1}) }}
    from cases
    where customer_id is not null
    union all
    -- A case is solved from the day of its solution, and leaves the window with the day it was opened.
    select
        customer_id,
        greatest(solved_on, opened_on) as from_day,
        opened_on as dated_on,
        {{ measures_of(opinions, given={'solved_cases': 1}) }}
    from cases
    where customer_id is not null and solved_on is not null
),

-- What somebody does is recent, then part of the habit that the recent days are compared with, then neither.
phases as (
    {{ phases_of(['is_recent', 'in_habit'], [
        ('0', [1, 0]),
        ('activity_days + 1', [-1, 1]),
        ('activity_days + spend_days + 2', [0, -1]),
    ]) }}
),

changes as (
    select
        days.customer_id,
        phases.window_set,
        {{ days_after('days.active_on', 'phases.days_later') }} as changed_on,
        case when phases.days_later = 0 then days.active_on end as active_on,
        {%- for habit in habits %}
        phases.is_recent * days.{{ habit }} as recent_{{ habit }},
        phases.in_habit * days.{{ habit }} as habit_{{ habit }},
        {%- endfor %}
        {{ measures_of(told) }}
    from {{ ref('int_activity_days_aggregated') }} as days
    cross join phases
    union all
    select
        opinions.customer_id,
        window_sets.window_set,
        opinions.from_day as changed_on,
        cast(null as date) as active_on,
        {{ measures_of(measures, own=opinions, of='opinions') }}
    from opinions
    cross join window_sets
    where opinions.from_day <= {{ days_after('opinions.dated_on', 'window_sets.spend_days') }}
    union all
    select
        opinions.customer_id,
        window_sets.window_set,
        {{ days_after('opinions.dated_on', 'window_sets.spend_days + 1') }} as changed_on,
        cast(null as date) as active_on,
        {{ measures_of(measures, own=opinions, of='opinions', times='-1') }}
    from opinions
    cross join window_sets
    where opinions.from_day <= {{ days_after('opinions.dated_on', 'window_sets.spend_days') }}
    {%- for day, complaints in [('opened_on', 1), ('greatest(solved_on, opened_on)', -1)] %}
    union all
    select
        cases.customer_id,
        window_sets.window_set,
        {{ day }} as changed_on,
        cast(null as date) as active_on,
        {{ measures_of(measures, given={'unsolved_complaints': complaints}) }}
    from cases
    cross join window_sets
    where
        cases.customer_id is not null
        and cases.case_type = 'complaint'
        {{- ' and cases.solved_on is not null' if complaints < 0 }}
    {%- endfor %}
),

due_changes as (
    {{ due_changes() }}
),

steps as (
    {{ running_steps(counts=measures, firsts={'first_active_on': 'active_on'}) }}
)

select * from steps
