-- Customers in each stage of the funnel. One row per stage and cell.
select funnel_stage as stage, tier, channel, region, count(*) as customers
from marts.customer_360
inner join cells using (customer_id)
group by all
