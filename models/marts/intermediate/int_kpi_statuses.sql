with

days as (
    select * from {{ ref('int_kpi_days') }}
),

counts as (
    select * from {{ ref('int_kpi_counts') }}
),

definitions_by_age as (
    select
        days.evaluated_on,
        definitions.kpi,
        definitions.label_zh,
        definitions.window_days,
        row_number() over (
            partition by days.evaluated_on, definitions.kpi
            order by
                case when definitions.valid_from <= days.evaluated_on then definitions.valid_from end desc nulls last,
                definitions.valid_from asc
        ) as age
    from days
    cross join {{ ref('kpi_definitions') }} as definitions
),

-- Every KPI has a row for all customers on every day, also one that nothing was counted for.
frame as (
    select
        evaluated_on,
        kpi,
        'all' as dimension,
        'all' as dimension_value
    from definitions_by_age
    where age = 1
    union distinct
    select
        evaluated_on,
        kpi,
        dimension,
        dimension_value
    from counts
),

targets_by_age as (
    select
        days.evaluated_on,
        targets.*,
        row_number() over (
            partition by days.evaluated_on, targets.kpi, targets.dimension, targets.dimension_value
            order by
                case when targets.valid_from <= days.evaluated_on then targets.valid_from end desc nulls last,
                targets.valid_from asc
        ) as age
    from days
    cross join {{ ref('kpi_targets') }} as targets
),

targets as (
    select * from targets_by_age
    where age = 1
),

valued as (
    select
        frame.kpi,
        definitions.label_zh,
        definitions.window_days,
        frame.evaluated_on,
        frame.dimension,
        frame.dimension_value,
        counts.numerator,
        counts.denominator,
        cast(counts.numerator as double) / cast(nullif(counts.denominator, 0) as double) as value,
        general.unit,
        general.direction,
        general.owner,
        general.action,
        general.due_days,
        -- A target of the part itself, for instance of one tier, goes before that of all.
        case when own.kpi is null then general.period else own.period end as period,
        case when own.kpi is null then general.target else own.target end as target,
        case when own.kpi is null then general.yellow else own.yellow end as yellow,
        case when own.kpi is null then general.red else own.red end as red
    from frame
    inner join definitions_by_age as definitions
        on
            frame.kpi = definitions.kpi
            and frame.evaluated_on = definitions.evaluated_on
            and definitions.age = 1
    left join counts
        on
            frame.kpi = counts.kpi
            and frame.evaluated_on = counts.evaluated_on
            and frame.dimension = counts.dimension
            and frame.dimension_value = counts.dimension_value
    left join targets as general
        on
            frame.kpi = general.kpi
            and frame.evaluated_on = general.evaluated_on
            and general.dimension = 'all'
    left join targets as own
        on
            frame.kpi = own.kpi
            and frame.evaluated_on = own.evaluated_on
            and frame.dimension = own.dimension
            and frame.dimension_value = own.dimension_value
),

judged as (
    select
        *,
        case when direction = 'higher' then yellow end as yellow_below,
        case when direction = 'lower' then yellow end as yellow_above,
        case when direction = 'higher' then red end as red_below,
        case when direction = 'lower' then red end as red_above,
        -- The limit itself is still on the better side.
        case
            when value is null or red is null then cast(null as varchar(10))
            when direction = 'higher' and value < red then 'red'
            when direction = 'lower' and value > red then 'red'
            when direction = 'higher' and value < yellow then 'yellow'
            when direction = 'lower' and value > yellow then 'yellow'
            else 'green'
        end as status
    from valued
),

compared as (
    select
        judged.*,
        days.is_month_end,
        days.is_as_of,
        days.is_shown,
        before.value as value_before,
        judged.value - before.value as change
    from judged
    inner join days on judged.evaluated_on = days.evaluated_on
    left join judged as before
        on
            judged.kpi = before.kpi
            and judged.dimension = before.dimension
            and judged.dimension_value = before.dimension_value
            and days.month_before_on = before.evaluated_on
)

select * from compared
