-- Where each customer stands in the three filters: official tier now, usual channel, province (the largest by name).
create temp table cells as
with regions as (
    select province from marts.customer_360 where province is not null
    group by province order by count(*) desc, province limit {regions}
)
select
    customers.customer_id,
    coalesce(customers.official_tier, 'none') as tier,
    coalesce(customers.preferred_channel, 'none') as channel,
    case
        when customers.province is null then 'unknown'
        when regions.province is null then 'other'
        else customers.province
    end as region
from marts.customer_360 as customers
left join regions on customers.province = regions.province
