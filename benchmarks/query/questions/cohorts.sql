-- Cohorts: of those whose first purchase was in a month, how many bought again so many months later.
select date_trunc('month', c.first_purchase_on) as cohort,
    date_diff('month', c.first_purchase_on, s.purchased_on) as months_later, count(distinct s.customer_id) as buyers
from marts.fct_sales as s inner join marts.customer_360 as c using (customer_id)
where s.line_kind = 'kept' and s.purchased_on >= c.first_purchase_on group by all order by all
