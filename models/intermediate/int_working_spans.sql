with

calendar as (
    select
        day,
        hours_of
    from {{ ref('int_calendar_days') }}
),

hours as (
    select
        weekday as hours_of,
        valid_from,
        {{ minute_of_day('opens') }} * 60 as starts_second,
        {{ minute_of_day('closes') }} * 60 as ends_second
    from {{ ref('working_hours') }}
),

-- The newest version up to a day holds as a whole, so a weekday without a row in it is closed.
versions as (
    select
        valid_from,
        lead(valid_from) over (order by valid_from) as replaced_on,
        row_number() over (order by valid_from) as version_number
    from (select distinct valid_from from hours) as distinct_versions
),

openings as (
    select
        calendar.day,
        hours.starts_second,
        hours.ends_second
    from calendar
    inner join versions
        on
            (calendar.day >= versions.valid_from or versions.version_number = 1)
            and (calendar.day < versions.replaced_on or versions.replaced_on is null)
    inner join hours
        on versions.valid_from = hours.valid_from and calendar.hours_of = hours.hours_of
),

-- An empty span from midnight, so that a moment before the first opening or on a closed day is found too.
starts as (
    select * from openings
    union all
    select
        calendar.day,
        0 as starts_second,
        0 as ends_second
    from calendar
    left join openings
        on calendar.day = openings.day and openings.starts_second = 0
    where openings.day is null
),

spans as (
    select
        day,
        starts_second,
        ends_second,
        lead(starts_second, 1, 86400) over (partition by day order by starts_second) as next_starts_second,
        coalesce(
            sum(ends_second - starts_second) over (
                order by day, starts_second rows between unbounded preceding and 1 preceding
            ),
            0
        ) as seconds_before
    from starts
)

select
    day,
    cast(starts_second as integer) as starts_second,
    cast(ends_second as integer) as ends_second,
    cast(next_starts_second as integer) as next_starts_second,
    cast(seconds_before as bigint) as seconds_before
from spans
