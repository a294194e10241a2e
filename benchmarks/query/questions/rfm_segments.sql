-- RFM segments with recency, frequency and money.
select rfm_segment, count(*) as customers, avg(recency_days) as recency, avg(frequency) as frequency,
    sum(monetary) as monetary
from marts.customer_rfm group by 1 order by 2 desc
