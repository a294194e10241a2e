-- The best categories of each city in the last 90 days.
select c.city, s.category, sum(s.net_amount) as revenue
from marts.fct_sales as s inner join marts.customer_360 as c using (customer_id)
where s.purchased_on > c.as_of - 90 group by 1, 2
qualify row_number() over (partition by c.city order by sum(s.net_amount) desc) <= 3 order by 1, 3 desc
