-- Customers by recency and frequency score. One row per pair of scores and cell.
select r_score, f_score, tier, channel, region, count(*) as customers, coalesce(sum(net_revenue_12m), 0) as revenue
from marts.customer_360
inner join cells using (customer_id)
where r_score is not null and f_score is not null
group by all
