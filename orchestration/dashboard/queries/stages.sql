-- Customers in each stage of the lifecycle. One row per stage and cell.
select lifecycle_stage as stage, tier, channel, region, count(*) as customers
from marts.customer_360
inner join cells using (customer_id)
group by all
