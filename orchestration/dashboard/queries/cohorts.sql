-- Of those who first bought in a month, who had revenue in a later one. One row per cohort, month after it and cell.
with buyers as (
    select customer_id, tier, channel, region, last_day(first_purchase_on) as cohort
    from marts.customer_360
    inner join cells using (customer_id)
    where first_purchase_on is not null
),
sizes as (
    select cohort, tier, channel, region, count(*) as customers
    from buyers
    where cohort in (select last_day(month_end) from months)
    group by all
),
active as (
    select
        cohort, tier, channel, region, history.month_end,
        count(*) filter (where history.revenue > 0) as active
    from marts.customer_history as history
    inner join months using (month_end)
    inner join buyers on history.customer_id = buyers.customer_id and last_day(history.month_end) > buyers.cohort
    group by all
)
select
    sizes.cohort, tier, channel, region,
    date_diff('month', sizes.cohort, active.month_end) as months_after,
    sizes.customers,
    active.active
from sizes
inner join active using (cohort, tier, channel, region)
