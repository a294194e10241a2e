with

statuses as (
    select * from {{ ref('int_kpi_statuses') }}
    where is_shown
),

final as (
    select
        kpi,
        label_zh,
        evaluated_on as as_of,
        dimension,
        dimension_value,
        value,
        unit,
        cast(numerator as decimal(28, 4)) as numerator,
        cast(denominator as decimal(28, 4)) as denominator,
        cast(window_days as integer) as window_days,
        period,
        cast(target as decimal(18, 4)) as target,
        direction,
        cast(yellow_below as decimal(18, 4)) as yellow_below,
        cast(yellow_above as decimal(18, 4)) as yellow_above,
        cast(red_below as decimal(18, 4)) as red_below,
        cast(red_above as decimal(18, 4)) as red_above,
        status,
        value_before,
        change,
        owner,
        is_month_end,
        is_as_of
    from statuses
)

select * from final
