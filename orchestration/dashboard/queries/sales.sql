-- Net revenue by month and channel of the purchase. One row per month, channel, tier and region.
select
    last_day(sales.purchased_on) as day,
    coalesce(sales.channel, 'unknown') as channel,
    case when sales.channel = 'store' then 'offline' else 'online' end as side,
    coalesce(cells.tier, 'unlinked') as tier,
    coalesce(cells.region, 'unlinked') as region,
    sum(sales.net_amount) as revenue
from marts.fct_sales as sales
left join cells using (customer_id)
where sales.purchased_on > last_day($as_of::date - interval {months} month)
group by all
