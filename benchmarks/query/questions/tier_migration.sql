-- Who moved from which tier to which in the last whole month, counted from the history.
with months as (select distinct month_end from marts.customer_history order by month_end desc limit 2)
select b.spend_tier as from_tier, a.spend_tier as to_tier, count(*) as customers
from marts.customer_history as a
inner join marts.customer_history as b on b.customer_id = a.customer_id
where a.month_end = (select max(month_end) from months) and b.month_end = (select min(month_end) from months)
group by all order by all
