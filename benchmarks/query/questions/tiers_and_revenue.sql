-- How many customers each tier has, and which share of the revenue of twelve months.
select official_tier, count(*) as customers, sum(net_revenue_12m) as revenue,
    sum(net_revenue_12m) / sum(sum(net_revenue_12m)) over () as revenue_share
from marts.customer_360 group by 1 order by 3 desc
