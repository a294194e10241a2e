with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

months as (
    select
        customer_id,
        last_day(purchased_on) as month_end,
        sum(purchases) as purchases,
        sum(net_amount) as net_revenue
    from {{ ref('int_purchase_days_aggregated') }}
    group by
        customer_id,
        last_day(purchased_on)
),

cohorts as (
    select
        customer_id,
        min(month_end) as cohort_month
    from months
    where purchases > 0
    group by customer_id
),

sizes as (
    select
        cohort_month,
        count(*) as customers
    from cohorts
    group by cohort_month
),

bought as (
    select
        cohorts.cohort_month,
        months.month_end,
        sum(case when months.purchases > 0 then 1 else 0 end) as buyers,
        sum(months.net_revenue) as net_revenue
    from months
    inner join cohorts on months.customer_id = cohorts.customer_id
    where months.month_end >= cohorts.cohort_month
    group by
        cohorts.cohort_month,
        months.month_end
),

bounds as (
    select
        min(sizes.cohort_month) as first_month,
        max(as_of.as_of_date) as as_of_date
    from sizes
    cross join as_of
),

-- A month in which nobody of the cohort came back is a 0 and no gap.
calendar as (
    {{ month_ends('bounds.first_month', 'bounds.as_of_date', 'bounds') }}
),

numbered as (
    select
        month_end,
        row_number() over (order by month_end) as month_number
    from calendar
),

grid as (
    select
        sizes.cohort_month,
        sizes.customers,
        later.month_end,
        later.month_number - started.month_number as months_after
    from sizes
    inner join numbered as started on sizes.cohort_month = started.month_end
    inner join numbered as later on sizes.cohort_month <= later.month_end
),

final as (
    select
        grid.cohort_month,
        cast(grid.months_after as integer) as months_after,
        grid.month_end,
        grid.month_end <= as_of.as_of_date as is_whole_month,
        cast(grid.customers as integer) as customers,
        cast(coalesce(bought.buyers, 0) as integer) as buyers,
        cast(coalesce(bought.buyers, 0) * 1.0 / grid.customers as decimal(9, 6)) as retention,
        cast(coalesce(bought.net_revenue, 0) as decimal(18, 4)) as net_revenue,
        cast(
            sum(coalesce(bought.net_revenue, 0)) over (partition by grid.cohort_month order by grid.months_after)
            / grid.customers as decimal(18, 2)
        ) as revenue_per_customer
    from grid
    left join bought on grid.cohort_month = bought.cohort_month and grid.month_end = bought.month_end
    cross join as_of
)

select * from final
