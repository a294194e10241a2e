with

targets as (
    select
        measure as rule,
        valid_from,
        target * case when unit in ('hours', 'working_hours') then 60 else 1 end as value,
        case when unit in ('working_minutes', 'working_hours') then 1 else 0 end as is_working
    from {{ ref('service_targets') }}
),

settings as (
    select
        setting as rule,
        valid_from,
        value,
        0 as is_working
    from {{ ref('service_settings') }}
),

-- Who is a promoter is one rule for KPIs and cases.
kpi_settings as (
    select
        setting as rule,
        valid_from,
        value,
        0 as is_working
    from {{ ref('kpi_settings') }}
    where setting = 'promoter_from'
),

rules as (
    select * from targets
    union all
    select * from settings
    union all
    select * from kpi_settings
),

changes as (
    select
        valid_from,
        lead(valid_from) over (order by valid_from) as replaced_on,
        row_number() over (order by valid_from) as version_number
    from (select distinct valid_from from rules) as days
),

ranked as (
    select
        changes.version_number,
        changes.valid_from,
        changes.replaced_on,
        rules.rule,
        rules.value,
        rules.is_working,
        row_number() over (
            partition by changes.valid_from, rules.rule
            order by
                case when rules.valid_from <= changes.valid_from then rules.valid_from end desc nulls last,
                rules.valid_from asc
        ) as age
    from changes
    cross join rules
),

-- The first version also holds for the days before it.
in_force as (
    select
        case when version_number > 1 then valid_from else cast('0001-01-01' as date) end as valid_from,
        coalesce(replaced_on, cast('9999-12-31' as date)) as replaced_on,
        {% for measure in [
            'first_response', 'handling', 'complaint_resolution', 'objection_response', 'complex_solution'
        ] -%}
        max(case when rule = '{{ measure }}' then value end) as {{ measure }}_target,
        max(case when rule = '{{ measure }}' then is_working end) = 1 as {{ measure }}_is_working,
        {% endfor -%}
        {% for setting in [
            'repeat_days', 'second_touch_days', 'closed_loop_days', 'timeout_cause_days', 'promoter_days',
            'repurchase_days', 'journey_days', 'weak_point_days'
        ] -%}
        cast(max(case when rule = '{{ setting }}' then value end) as integer) as {{ setting }},
        {% endfor -%}
        max(case when rule = 'promoter_from' then value end) as promoter_from,
        max(case when rule = 'repeat_touch_score' then value end) as repeat_touch_score
    from ranked
    where age = 1
    group by
        version_number,
        valid_from,
        replaced_on
)

select * from in_force
