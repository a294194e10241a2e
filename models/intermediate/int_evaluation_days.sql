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
),

-- An old month keeps the windows that were in force at its end; days before the first version use the first.
settings_by_age as (
    select
        up_to_as_of.evaluated_on,
        settings.setting,
        settings.value,
        row_number() over (
            partition by up_to_as_of.evaluated_on, settings.setting
            order by
                case when settings.valid_from <= up_to_as_of.evaluated_on then settings.valid_from end desc nulls last,
                settings.valid_from asc
        ) as age
    from up_to_as_of
    cross join {{ ref('evaluation_windows') }} as settings
),

windows as (
    select
        evaluated_on,
        cast(max(case when setting = 'spend_days' then value end) as integer) as spend_days,
        cast(max(case when setting = 'activity_days' then value end) as integer) as activity_days,
        cast(max(case when setting = 'repeat_days' then value end) as integer) as repeat_days
    from settings_by_age
    where age = 1
    group by evaluated_on
),

final as (
    select
        up_to_as_of.evaluated_on,
        up_to_as_of.is_month_end,
        up_to_as_of.is_as_of,
        windows.spend_days,
        windows.activity_days,
        windows.repeat_days,
        cast(
            dense_rank() over (order by windows.spend_days, windows.activity_days, windows.repeat_days) as integer
        ) as window_set
    from up_to_as_of
    inner join windows on up_to_as_of.evaluated_on = windows.evaluated_on
)

select * from final
