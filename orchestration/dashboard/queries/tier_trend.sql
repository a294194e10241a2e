-- Customers in each tier at the month ends. One row per month end, tier of that day, channel and region.
select
    month_end as day,
    coalesce(history.{official}, 'none') as then_tier,
    channel, region,
    count(*) as customers
from marts.customer_history as history
inner join months using (month_end)
inner join cells using (customer_id)
group by all
