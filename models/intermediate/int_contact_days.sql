-- depends_on: {{ ref('contact_plan') }}
{%- set plan = policy_settings('contact_plan') %}
with

bounds as (
    select
        as_of_date,
        {{ days_after('as_of_date', '-' ~ plan.get('measured_days', '0')) }} as first_day,
        -- The next moment of a yearly rule lies within a leap year.
        {{ days_after('as_of_date', 366) }} as last_day
    from {{ ref('int_as_of') }}
),

days as (
    {{ days_from_to('first_day', 'last_day', 'bounds') }}
),

holidays as (
    select * from {{ ref('holidays') }}
),

-- A holiday begins on the first of its statutory days.
first_days as (
    select
        holidays.day,
        holidays.name
    from holidays
    left join holidays as days_before
        on
            holidays.day = {{ days_after('days_before.day', 1) }}
            and holidays.name = days_before.name
            and days_before.kind = 'statutory'
    where holidays.kind = 'statutory' and days_before.day is null
),

placed as (
    select
        days.day,
        cast({{ days_between('bounds.as_of_date', 'days.day') }} as integer) as days_ahead,
        coalesce(holidays.is_workday, {{ weekday_of('days.day') }} <= 5) as is_working,
        first_days.name as holiday,
        ' ' || cast(extract(day from days.day) as varchar(2)) || ' ' as day_of_month,
        ' ' || cast(extract(month from days.day) as varchar(2)) || ' ' as month_of_year
    from days
    cross join bounds
    left join holidays on days.day = holidays.day
    left join first_days on days.day = first_days.day
)

select * from placed
