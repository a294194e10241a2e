with

as_of as (
    select * from {{ ref('int_as_of') }}
),

month_ends as (
    {{ month_ends('history_from', 'as_of_date', 'as_of') }}
),

days as (
    select month_end as evaluated_on from month_ends
    union distinct
    select as_of_date as evaluated_on from as_of
),

up_to_as_of as (
    select
        days.evaluated_on,
        days.evaluated_on = last_day(days.evaluated_on) as is_month_end,
        days.evaluated_on = as_of.as_of_date as is_as_of
    from days
    cross join as_of
    where days.evaluated_on <= as_of.as_of_date
)

select * from up_to_as_of
