-- depends_on: {{ ref('tier_schemes') }}
{%- set official = official_schemes() %}
{#- measure: numerator and denominator, both sums over `service_daily`; a `clock` follows the unit of its target. -#}
{%- set clocks = [
    ('first_response', 'first_response_minutes', 'responded_cases'),
    ('handling', 'handling_minutes', 'handled_cases'),
    ('complaint_resolution', 'complaint_resolution_minutes', 'resolved_complaints'),
] %}
{%- set shares = [
    ('response_timeout_rate', 'response_timeouts', 'response_judged_cases'),
    ('handled_in_time_rate', 'handled_in_time_cases', 'handled_cases'),
    ('complaint_in_time_rate', 'complaints_solved_in_time', 'judged_complaints'),
    ('objection_response_rate', 'objections_answered_in_time', 'judged_objections'),
    ('complex_solution_rate', 'complex_solved_in_time', 'judged_complex_objections'),
    ('solved_rate', 'solved_cases', 'outcome_cases'),
    ('closed_loop_rate', 'closed_loop_cases', 'outcome_cases'),
    ('repeat_rate', 'repeat_contacts', 'contacts'),
    ('bot_containment', 'bot_contained_cases', 'bot_judged_cases'),
    ('second_touch', 'second_touches', 'bot_contacts'),
    ('complaint_share', 'complaints', 'typed_cases'),
    ('complaint_to_promoter', 'promoter_complaints', 'asked_complaints'),
    ('unsolved_repurchase', 'unsolved_repurchases', 'unsolved_complaints'),
    ('peak_end', 'peak_end_score_sum', 'scored_cases'),
] %}
{%- set summed, sums = ['timeout_complaints'], [] %}
{%- for name, top, base in clocks %}{% do summed.extend([top, top ~ '_working', base]) %}{% endfor %}
{%- for name, top, base in shares %}{% do summed.extend([top, base]) %}{% endfor %}
{%- for name in summed | unique %}{% do sums.append('sum(' ~ name ~ ') as ' ~ name) %}{% endfor %}
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

daily as (
    select
        daily.*,
        last_day(daily.day) as month_end
    from {{ ref('service_daily') }} as daily
),

monthly as (
    {% for dimension, column in [
        ('all', "'all'"), ('channel', 'channel'), ('topic', 'topic'), ('agent', 'agent_id'), ('tier', 'tier')
    ] -%}
    select
        month_end,
        '{{ dimension }}' as dimension,
        {{ column }} as dimension_value,
        {{ sums | join(',\n        ') }}
    from daily
    group by
        month_end,
        {{ column }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

targets as (
    select
        measure,
        target,
        reference,
        unit,
        better,
        valid_from,
        lead(valid_from) over (partition by measure order by valid_from) as replaced_on,
        row_number() over (partition by measure order by valid_from) as version_number
    from {{ ref('service_targets') }}
),

-- Each month against the targets in force at its end.
in_force as (
    select
        months.month_end,
        targets.measure,
        targets.target,
        targets.reference,
        targets.unit,
        targets.better
    from (select distinct month_end from monthly) as months
    cross join as_of
    inner join targets
        on
            (least(months.month_end, as_of.as_of_date) >= targets.valid_from or targets.version_number = 1)
            and (least(months.month_end, as_of.as_of_date) < targets.replaced_on or targets.replaced_on is null)
),

-- Complaining customers by customers of a tier, both at the end of the month.
tiers as (
    select
        states.customer_id,
        days.evaluated_on,
        {{ tier_in(official, official_scheme_on(official, 'states.evaluated_on'), 'states') }} as tier
    from {{ ref('int_customer_states') }} as states
    inner join {{ ref('int_evaluation_days') }} as days on states.evaluated_on = days.evaluated_on
),

complainants as (
    select distinct
        cases.customer_id,
        days.evaluated_on
    from {{ ref('fct_cases') }} as cases
    inner join {{ ref('int_evaluation_days') }} as days
        on
            cases.opened_on <= days.evaluated_on
            and {{ days_between('cases.opened_on', 'days.evaluated_on') }} <= days.spend_days
    where cases.is_complaint and cases.customer_id is not null
),

typed_months as (
    select min(month_end) as first_month_end
    from monthly
    where typed_cases > 0
),

complaint_rates as (
    select
        last_day(tiers.evaluated_on) as month_end,
        tiers.tier,
        count(complainants.customer_id) as numerator,
        count(*) as denominator
    from tiers
    inner join typed_months on tiers.evaluated_on >= typed_months.first_month_end
    left join complainants
        on tiers.customer_id = complainants.customer_id and tiers.evaluated_on = complainants.evaluated_on
    group by
        last_day(tiers.evaluated_on),
        tiers.tier
),

months_in_order as (
    select
        month_end,
        dimension,
        dimension_value,
        timeout_complaints,
        lag(month_end) over (partition by dimension, dimension_value order by month_end) as previous_month_end,
        lag(timeout_complaints) over (partition by dimension, dimension_value order by month_end) as previous_complaints
    from monthly
),

measured as (
    {% for measure, numerator, denominator in clocks -%}
    select
        monthly.month_end,
        monthly.dimension,
        monthly.dimension_value,
        '{{ measure }}' as measure,
        case
            when in_force.unit = 'working_minutes' then monthly.{{ numerator }}_working
            else monthly.{{ numerator }}
        end as numerator,
        monthly.{{ denominator }} as denominator
    from monthly
    left join in_force
        on monthly.month_end = in_force.month_end and in_force.measure = '{{ measure }}'
    union all
    {% endfor -%}
    {% for measure, numerator, denominator in shares -%}
    select
        month_end,
        dimension,
        dimension_value,
        '{{ measure }}' as measure,
        {{ numerator }} as numerator,
        {{ denominator }} as denominator
    from monthly
    union all
    {% endfor -%}
    select
        months_in_order.month_end,
        months_in_order.dimension,
        months_in_order.dimension_value,
        'timeout_complaint_change' as measure,
        months_in_order.timeout_complaints - months_in_order.previous_complaints as numerator,
        months_in_order.previous_complaints as denominator
    from months_in_order
    cross join as_of
    where
        months_in_order.previous_month_end = last_day({{ months_after('months_in_order.month_end', -1) }})
        and months_in_order.month_end <= as_of.as_of_date
    union all
    select
        month_end,
        'tier' as dimension,
        tier as dimension_value,
        'complaint_rate' as measure,
        numerator,
        denominator
    from complaint_rates
    union all
    select
        month_end,
        'all' as dimension,
        'all' as dimension_value,
        'complaint_rate' as measure,
        sum(numerator) as numerator,
        sum(denominator) as denominator
    from complaint_rates
    group by month_end
),

valued as (
    select
        month_end,
        dimension,
        dimension_value,
        measure,
        numerator,
        denominator,
        1.0 * numerator / nullif(denominator, 0) as value
    from measured
    where denominator > 0
),

-- A tier may have a reference of its own, as `complaint_rate:gold`, or that of all others.
judged as (
    select
        valued.month_end,
        valued.month_end <= as_of.as_of_date as is_month_over,
        valued.measure,
        valued.dimension,
        valued.dimension_value,
        cast(valued.numerator as decimal(18, 2)) as numerator,
        cast(valued.denominator as decimal(18, 2)) as denominator,
        cast(valued.value as decimal(18, 6)) as value,
        coalesce(general.unit, case when valued.measure = 'peak_end' then 'score' else 'share' end) as unit,
        coalesce(own.target, others.target, general.target) as target,
        coalesce(own.reference, others.reference, general.reference) as reference,
        case
            when general.better = 'lower' then valued.value <= coalesce(own.target, others.target, general.target)
            when general.better = 'higher' then valued.value >= coalesce(own.target, others.target, general.target)
        end as meets_target
    from valued
    cross join as_of
    left join in_force as general
        on valued.month_end = general.month_end and valued.measure = general.measure
    left join in_force as own
        on
            valued.month_end = own.month_end
            and valued.measure || ':' || valued.dimension_value = own.measure
            and valued.dimension = 'tier'
    left join in_force as others
        on
            valued.month_end = others.month_end
            and valued.measure || ':other' = others.measure
            and valued.dimension = 'tier'
            and own.measure is null
)

select * from judged
