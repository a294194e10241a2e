-- CLV over the next 365 days in steps of a tenth of a power of ten (below 1 yuan: one bin). One row per bin and cell.
select
    case when clv_365d < 1 then 0 else power(10, floor(log10(clv_365d) * 10) / 10) end as bin_from,
    case when clv_365d < 1 then 1 else power(10, floor(log10(clv_365d) * 10) / 10 + 0.1) end as bin_to,
    tier, channel, region,
    count(*) as customers,
    sum(clv_365d) as clv
from marts.customer_360
inner join cells using (customer_id)
where clv_365d is not null
group by all
