-- The figures of the first row. One row per cell.
select
    tier, channel, region,
    count(*) as customers,
    count(*) filter (where orders_12m > 0) as buyers,
    coalesce(sum(orders_12m), 0) as orders,
    coalesce(sum(net_revenue_12m), 0) as revenue,
    coalesce(sum(clv_365d), 0) as clv,
    count(*) filter (where lifecycle_stage = 'at_risk' and orders > 0) as at_risk
from marts.customer_360
inner join cells using (customer_id)
group by all
