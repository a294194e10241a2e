-- Cases of the last 365 days by topic. One row per topic and cell.
select
    coalesce(topic, 'unknown') as topic, tier, channel, region,
    count(*) as cases,
    count(*) filter (where is_complaint) as complaints
from (select topic, customer_id, is_complaint from marts.fct_cases where opened_on > $as_of::date - 365)
inner join cells using (customer_id)
group by all
