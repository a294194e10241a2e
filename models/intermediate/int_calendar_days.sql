with

as_of as (
    select * from {{ ref('int_as_of') }}
),

first_case as (
    select min(cast(cases.opened_at as date)) as opened_on
    from {{ ref('stg_call_center__cases') }} as cases
    cross join as_of
    where cases.opened_at < as_of.as_of_end
),

bounds as (
    select
        least(as_of.history_from, coalesce(first_case.opened_on, as_of.history_from)) as first_day,
        as_of.as_of_date as last_day
    from as_of
    cross join first_case
),

days as (
    {{ days_from_to('first_day', 'last_day', 'bounds') }}
),

holidays as (
    select * from {{ ref('holidays') }}
),

-- Every yearly notice bridges days: a year that has none is not known beyond the holidays fixed by law.
years as (
    select
        extract(year from day) as calendar_year,
        max(case when kind = 'statutory' then 0 else 1 end) as bridges
    from holidays
    group by extract(year from day)
),

placed as (
    select
        days.day,
        {{ weekday_of('days.day') }} as weekday_number,
        holidays.kind as holiday_kind,
        holidays.name as holiday_name,
        coalesce(holidays.is_workday, {{ weekday_of('days.day') }} <= 5) as is_workday,
        case
            when years.bridges = 1 then 'complete'
            when years.bridges = 0 then 'statutory_only'
            else 'weekends_only'
        end as coverage
    from days
    left join holidays on days.day = holidays.day
    left join years on extract(year from days.day) = years.calendar_year
),

named as (
    select
        day,
        weekday_number,
        is_workday,
        holiday_kind,
        holiday_name,
        coverage,
        -- The row of policy `working_hours` that the day follows.
        case
            when holiday_kind = 'make_up' then 'make_up'
            when holiday_kind is not null then 'holiday'
            when weekday_number = 1 then 'monday'
            when weekday_number = 2 then 'tuesday'
            when weekday_number = 3 then 'wednesday'
            when weekday_number = 4 then 'thursday'
            when weekday_number = 5 then 'friday'
            when weekday_number = 6 then 'saturday'
            else 'sunday'
        end as hours_of
    from placed
)

select * from named
