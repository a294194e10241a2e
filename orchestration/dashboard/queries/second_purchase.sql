-- Days until the second purchase of buyers who have had {horizon} days for it. One row per stretch of days and cell.
with buyers as (
    select customer_id, first_purchase_on, tier, channel, region
    from marts.customer_360
    inner join cells using (customer_id)
    where first_purchase_on between $as_of::date - ({horizon} + 365) and $as_of::date - {horizon}
),
purchases as (
    select sales.customer_id, sales.purchased_on
    from marts.fct_sales as sales
    inner join buyers on sales.customer_id = buyers.customer_id
        and sales.purchased_on <= buyers.first_purchase_on + {horizon}
    group by sales.customer_id, sales.purchased_on, sales.order_key
    having sum(sales.net_amount) > 0
),
seconds as (
    select customer_id, min(purchased_on, 2)[2] as second_on
    from purchases
    group by customer_id
)
select
    case
        when second_on is null then null
        else least((second_on - first_purchase_on) // 15 * 15, {horizon} - 15)
    end as days_from,
    tier, channel, region,
    count(*) as customers
from buyers
left join seconds using (customer_id)
group by all
