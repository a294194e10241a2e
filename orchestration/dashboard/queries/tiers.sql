-- Customers and 12-month revenue of each tier of the official scheme. One row per measure and cell.
with counted as (
    select tier, channel, region, count(*)::double as customers, coalesce(sum(net_revenue_12m), 0)::double as revenue
    from marts.customer_360
    inner join cells using (customer_id)
    group by all
)
unpivot counted on customers, revenue into name measure value amount
