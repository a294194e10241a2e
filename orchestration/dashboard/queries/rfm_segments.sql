-- Customers and revenue of each RFM segment. One row per segment and cell.
select
    rfm_segment as segment, tier, channel, region,
    count(*) as customers, coalesce(sum(net_revenue_12m), 0) as revenue
from marts.customer_360
inner join cells using (customer_id)
where rfm_segment is not null
group by all
