-- Where customers buy: shops, online, or both. One row per habit and cell.
select channel_habit as habit, tier, channel, region, count(*) as customers, coalesce(sum(net_revenue_12m), 0) as revenue
from marts.customer_360
inner join cells using (customer_id)
where channel_habit is not null
group by all
