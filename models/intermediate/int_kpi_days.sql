-- depends_on: {{ ref('tier_schemes') }}
{%- set schemes = official_schemes() %}
{%- set windows = [
    'nps',
    'csat',
    'aov',
    'aov_repeat_vs_first',
    'core_churn_rate',
    'dormant_wakeup_rate',
    'new_customer_conversion',
    'days_first_to_second',
    'untouched_30d',
    'promotion_driven_repurchase',
    'service_driven_repurchase',
    'open_rate',
    'click_rate',
    'reply_rate',
    'online_revenue_share',
    'store_revenue_share',
    'sales_service_link_rate',
    'first_response_minutes',
    'handling_minutes',
    'complaint_resolution_minutes',
    'problem_solved_rate',
    'closed_loop_rate',
    'objection_response_rate',
    'complex_solution_rate',
    'repeat_contact_rate',
    'bot_containment_rate',
    'second_touch_rate',
    'timeout_complaint_change',
    'complaint_rate',
    'complaint_to_promoter',
    'unsolved_complaint_repurchase',
] %}
{%- set case_windows = [
    'sales_service_link_rate',
    'first_response_minutes',
    'handling_minutes',
    'complaint_resolution_minutes',
    'problem_solved_rate',
    'closed_loop_rate',
    'objection_response_rate',
    'complex_solution_rate',
    'repeat_contact_rate',
    'bot_containment_rate',
    'second_touch_rate',
] %}
{%- set settings = [
    'promoter_from',
    'detractor_to',
    'satisfied_from',
    'top_share',
    'touch_days',
    'promotion_days',
    'service_days',
] %}
with

as_of as (
    select * from {{ ref('int_as_of') }}
),

evaluation_days as (
    select * from {{ ref('int_evaluation_days') }}
),

month_ends as (
    select evaluated_on as month_end
    from evaluation_days
    where is_month_end
),

numbers as (
    select
        kpi || '_days' as name,
        cast(window_days as decimal(18, 4)) as value,
        valid_from
    from {{ ref('kpi_definitions') }}
    union all
    select
        setting as name,
        value,
        valid_from
    from {{ ref('kpi_settings') }}
),

-- The newest version on the day; days before the first version use the first.
numbers_by_age as (
    select
        evaluation_days.evaluated_on,
        numbers.name,
        numbers.value,
        row_number() over (
            partition by evaluation_days.evaluated_on, numbers.name
            order by
                case when numbers.valid_from <= evaluation_days.evaluated_on then 1 else 2 end asc,
                case when numbers.valid_from <= evaluation_days.evaluated_on then numbers.valid_from end desc,
                numbers.valid_from asc
        ) as age
    from evaluation_days
    cross join numbers
),

in_force as (
    select
        {%- for name in windows %}
        cast(max(case when name = '{{ name }}_days' then value end) as integer) as {{ name }}_days,
        {%- endfor %}
        {%- for name in settings if name.endswith('_days') %}
        cast(max(case when name = '{{ name }}' then value end) as integer) as {{ name }},
        {%- endfor %}
        {%- for name in settings if not name.endswith('_days') %}
        max(case when name = '{{ name }}' then value end) as {{ name }},
        {%- endfor %}
        evaluated_on
    from numbers_by_age
    where age = 1
    group by evaluated_on
),

compared as (
    select
        evaluation_days.evaluated_on,
        max(case when month_ends.month_end < evaluation_days.evaluated_on then month_ends.month_end end)
            as month_before_on,
        max(
            case
                when
                    month_ends.month_end <= case
                        when evaluation_days.is_month_end
                            then last_day({{ months_after('evaluation_days.evaluated_on', -12) }})
                        else {{ months_after('evaluation_days.evaluated_on', -12) }}
                    end
                    then month_ends.month_end
            end
        ) as year_before_on,
        max(
            case
                when
                    month_ends.month_end
                    <= {{ days_after('evaluation_days.evaluated_on', '-in_force.core_churn_rate_days') }}
                    then month_ends.month_end
            end
        ) as core_since_on,
        max(
            case
                when
                    month_ends.month_end
                    <= {{ days_after('evaluation_days.evaluated_on', '-in_force.dormant_wakeup_rate_days') }}
                    then month_ends.month_end
            end
        ) as dormant_since_on
    from evaluation_days
    inner join in_force on evaluation_days.evaluated_on = in_force.evaluated_on
    cross join month_ends
    group by evaluation_days.evaluated_on
),

days as (
    select
        in_force.*,
        greatest(
            {%- for name in case_windows %}
            in_force.{{ name }}_days,
            {%- endfor %}
            2 * in_force.timeout_complaint_change_days + 1
        ) as case_days,
        greatest(
            in_force.complaint_rate_days,
            in_force.complaint_to_promoter_days,
            in_force.unsolved_complaint_repurchase_days
        ) as complaint_days,
        evaluation_days.is_month_end,
        evaluation_days.is_as_of,
        cast({{ days_after('in_force.evaluated_on', 1) }} as timestamp) as evaluated_end,
        in_force.evaluated_on >= last_day({{ months_after('as_of.as_of_date', -13) }}) as is_shown,
        {{ official_scheme_on(schemes, 'in_force.evaluated_on') }} as official_scheme,
        compared.month_before_on,
        compared.year_before_on,
        compared.core_since_on,
        compared.dormant_since_on
    from in_force
    inner join evaluation_days on in_force.evaluated_on = evaluation_days.evaluated_on
    inner join compared on in_force.evaluated_on = compared.evaluated_on
    cross join as_of
)

select * from days
