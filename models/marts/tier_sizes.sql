with

sizes as (
    select * from {{ ref('int_tier_sizes') }}
),

totals as (
    select
        *,
        sum(customers) over whole as all_customers,
        sum(window_spend) over whole as all_window_spend,
        sum(profit) over whole as all_profit,
        sum(total_spend) over whole as all_total_spend
    from sizes
    window whole as (partition by evaluated_on, scheme)
),

final as (
    select
        scheme,
        evaluated_on as month_end,
        tier,
        customers,
        cast(customers * 1.0 / all_customers as decimal(9, 6)) as customer_share,
        cast(window_spend as decimal(18, 4)) as net_revenue_12m,
        cast(window_spend / nullif(all_window_spend, 0) as decimal(18, 6)) as revenue_share,
        cast(profit as decimal(18, 4)) as profit_12m,
        cast(case when all_profit > 0 then profit / all_profit end as decimal(18, 6)) as profit_share,
        cast(total_spend as decimal(18, 4)) as net_revenue,
        cast(total_spend / nullif(all_total_spend, 0) as decimal(18, 6)) as total_revenue_share
    from totals
)

select * from final
