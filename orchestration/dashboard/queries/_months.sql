-- The days the trends are drawn at: whole months and the as-of day, newest last.
create temp table months as
select month_end, row_number() over (order by month_end) as position
from (select distinct month_end from marts.customer_history order by month_end desc limit {months})
