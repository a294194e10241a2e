-- How many records of each source have a customer. One row per source.
select
    source, count(*) as records, count(customer_id) as linked
from identity.customer_xref
group by source
order by source
