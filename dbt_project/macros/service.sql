{#- How a survey answer scores a case, 0 to 100: satisfaction where it was asked, else the recommendation. -#}
{% macro survey_score(survey) -%}
    coalesce(({{ survey }}.csat - 1) * 25, {{ survey }}.nps * 10)
{%- endmacro %}

{#- 100 for a clock within its target, target by clock beyond it; empty where the clock is. -#}
{% macro timeliness(clock, target) -%}
    case when {{ clock }} <= {{ target }} then 100 else 100 * {{ target }} / {{ clock }} end
{%- endmacro %}

{#- The moment that an answer counts for: one that carries a date alone stands at midnight and counts for its whole
    day, so it comes after a case that was settled on that day. -#}
{% macro answer_moment(answered_at) -%}
    case
        when {{ answered_at }} = cast(cast({{ answered_at }} as date) as timestamp)
            then {{ end_of_day('cast(' ~ answered_at ~ ' as date)') }}
        else {{ answered_at }}
    end
{%- endmacro %}

{#- The clock of a measure as the rules of its day count it: `minutes` in calendar or in working time. -#}
{% macro ruled_clock(measure, minutes) -%}
    case when rules.{{ measure }}_is_working then cases.{{ minutes }}_working else cases.{{ minutes }} end
{%- endmacro %}

{#- What each customer said on recommending us, from CTE `surveys`; of several answers of one moment the highest. One
    row per customer and moment. -#}
{% macro recommendations_of_customers() -%}
    select
        customer_id,
        {{ answer_moment('responded_at') }} as answered_at,
        max(nps) as nps
    from surveys
    where nps is not null and customer_id is not null
    group by
        customer_id,
        {{ answer_moment('responded_at') }}
{%- endmacro %}

{#- The last of CTE `recommended` after each of `questions` was settled, up to the moment `until`, as `nps_after`. One row
    per question that has one; `columns` are those to be kept. -#}
{% macro last_recommendations(questions, columns, until) -%}
    select
        {%- for column in columns %}
        asked.{{ column }},
        {%- endfor %}
        recommended.nps as nps_after
    from (
        {{ last_until(questions, columns + ['customer_id', 'settled_at'], until, 'recommended', 'answered_at') }}
    ) as asked
    inner join recommended
        on asked.customer_id = recommended.customer_id and asked.happened_at = recommended.answered_at
    where asked.happened_at >= asked.settled_at
{%- endmacro %}

{#- Answers of customers that name no case: to a survey, or to an outreach. One row per answer. -#}
{% macro answers_without_case() -%}
    select
        customer_id,
        responded_at
    from surveys
    where case_id is null and customer_id is not null
    union all
    select
        customer_id,
        responded_at
    from {{ ref('int_outreach_resolved') }}
    where responded_at is not null and customer_id is not null
{%- endmacro %}
