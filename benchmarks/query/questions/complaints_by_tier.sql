-- Cases and complaint rate by tier and month.
select date_trunc('month', opened_on) as month, tier, count(*) as cases, avg(cast(is_complaint as integer)) as complaint_rate
from marts.fct_cases group by all order by all
