-- Net revenue by month and channel.
select date_trunc('month', purchased_on) as month, channel, sum(net_amount) as revenue
from marts.fct_sales group by all order by all
