with

days as (
    select * from {{ ref('int_calendar_days') }}
),

cases as (
    select
        cast(opened_at as date) as opened_on,
        count(*) as cases
    from {{ ref('int_cases_resolved') }}
    group by cast(opened_at as date)
),

years as (
    select
        cast(extract(year from days.day) as integer) as calendar_year,
        max(days.coverage) as coverage,
        cast(count(days.holiday_kind) as integer) as days_listed,
        cast(coalesce(sum(cases.cases), 0) as bigint) as cases
    from days
    left join cases on days.day = cases.opened_on
    group by extract(year from days.day)
),

warned as (
    select
        calendar_year,
        coverage,
        days_listed,
        cases,
        coverage != 'complete' and cases > 0 as is_warning,
        case coverage
            when 'statutory_only' then 'Bridged and make-up days count by weekday until holidays.csv has them.'
            when 'weekends_only' then 'Only weekends are days off until holidays.csv has the year.'
        end as advice
    from years
)

select * from warned
