with

days as (
    select * from {{ ref('kpi_daily') }}
    where dimension = 'all'
),

looked_back as (
    select
        *,
        lag(status) over by_day as status_before,
        sum(case when status = 'red' then 1 else 0 end) over by_day as times_red
    from days
    window by_day as (partition by kpi order by as_of)
),

final as (
    select
        kpi,
        label_zh,
        owner,
        as_of,
        is_as_of,
        value,
        unit,
        target,
        cast(value - target as double) as distance_to_target,
        direction,
        status,
        status_before,
        value_before,
        change,
        case
            when change = 0 then 'same'
            when (change > 0) = (direction = 'higher') then 'better'
            when (change > 0) <> (direction = 'higher') then 'worse'
        end as movement,
        cast(times_red as integer) as times_red
    from looked_back
)

select * from final
