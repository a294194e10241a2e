{%- set given = "cast('" ~ var('as_of') ~ "' as date)" if var('as_of') else 'cast(null as date)' %}
with

deliveries as (
    select max(delivery_date) as newest_delivery from {{ ref('stg_quality__deliveries') }}
),

as_of as (
    select coalesce({{ given }}, newest_delivery, current_date) as as_of_date
    from deliveries
),

settings_by_age as (
    select
        as_of.as_of_date,
        settings.setting,
        settings.value,
        row_number() over (
            partition by settings.setting
            order by
                case when settings.valid_from <= as_of.as_of_date then settings.valid_from end desc nulls last,
                settings.valid_from asc
        ) as age
    from as_of
    cross join {{ ref('evaluation_windows') }} as settings
),

in_force as (
    select
        as_of_date,
        cast(max(case when setting = 'spend_days' then value end) as integer) as spend_days,
        cast(max(case when setting = 'activity_days' then value end) as integer) as activity_days,
        cast(max(case when setting = 'habit_days' then value end) as integer) as habit_days,
        cast(max(case when setting = 'history_months' then value end) as integer) as history_months
    from settings_by_age
    where age = 1
    group by as_of_date
),

bounded as (
    select
        as_of_date,
        cast({{ days_after('as_of_date', 1) }} as timestamp) as as_of_end,
        last_day({{ months_after('as_of_date', '-history_months') }}) as history_from,
        spend_days,
        activity_days,
        habit_days,
        history_months
    from in_force
)

select * from bounded
