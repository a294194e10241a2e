with

days as (
    select * from {{ ref('int_kpi_days') }}
),

cubes as (
    select * from {{ ref('int_kpi_customers_counted') }}
    union all
    select * from {{ ref('int_kpi_orders_counted') }}
    union all
    select * from {{ ref('int_kpi_contacts_counted') }}
    union all
    select * from {{ ref('int_kpi_surveys_counted') }}
    union all
    select * from {{ ref('int_kpi_cases_counted') }}
    union all
    select * from {{ ref('int_kpi_profiles_counted') }}
),

parts as (
    select
        kpi,
        evaluated_on,
        'all' as dimension,
        'all' as dimension_value,
        numerator,
        denominator
    from cubes
    union all
    select
        kpi,
        evaluated_on,
        'tier' as dimension,
        tier as dimension_value,
        numerator,
        denominator
    from cubes
    where tier is not null
    union all
    select
        kpi,
        evaluated_on,
        'channel' as dimension,
        channel as dimension_value,
        numerator,
        denominator
    from cubes
    where channel is not null
),

counted as (
    select
        kpi,
        evaluated_on,
        dimension,
        dimension_value,
        sum(numerator) as numerator,
        sum(denominator) as denominator
    from parts
    group by
        kpi,
        evaluated_on,
        dimension,
        dimension_value
),

averages as (
    select
        *,
        cast(numerator as double) / cast(nullif(denominator, 0) as double) as average
    from counted
),

-- Changes and comparisons: the numerator is the difference of two averages, the denominator the one compared with.
year_on_year as (
    select
        case now.kpi when 'aov' then 'aov_change' else 'clv_change' end as kpi,
        now.evaluated_on,
        now.dimension,
        now.dimension_value,
        now.average - before.average as numerator,
        before.average as denominator
    from averages as now
    inner join days on now.evaluated_on = days.evaluated_on
    inner join averages as before
        on
            now.kpi = before.kpi
            and now.dimension = before.dimension
            and now.dimension_value = before.dimension_value
            and days.year_before_on = before.evaluated_on
    where now.kpi in ('aov', 'clv_mean')
),

repeat_against_first as (
    select
        'aov_repeat_vs_first' as kpi,
        repeats.evaluated_on,
        repeats.dimension,
        repeats.dimension_value,
        repeats.average - firsts.average as numerator,
        firsts.average as denominator
    from averages as repeats
    inner join averages as firsts
        on
            repeats.evaluated_on = firsts.evaluated_on
            and repeats.dimension = firsts.dimension
            and repeats.dimension_value = firsts.dimension_value
    where repeats.kpi = 'aov_of_repeat_purchases' and firsts.kpi = 'aov_of_first_purchases'
),

counts as (
    select
        kpi,
        evaluated_on,
        dimension,
        dimension_value,
        cast(numerator as decimal(28, 4)) as numerator,
        cast(denominator as decimal(28, 4)) as denominator
    from counted
    where kpi not in ('aov_of_first_purchases', 'aov_of_repeat_purchases')
    union all
    select
        kpi,
        evaluated_on,
        dimension,
        dimension_value,
        cast(numerator as decimal(28, 4)) as numerator,
        cast(denominator as decimal(28, 4)) as denominator
    from year_on_year
    union all
    select
        kpi,
        evaluated_on,
        dimension,
        dimension_value,
        cast(numerator as decimal(28, 4)) as numerator,
        cast(denominator as decimal(28, 4)) as denominator
    from repeat_against_first
)

select * from counts
