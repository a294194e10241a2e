-- Whether sums agree on both sides of each hop from file to customer. One row per hop.
select
    hop,
    count(*) as balances,
    coalesce(sum(expected) filter (where measure = 'rows'), 0) as rows_in,
    coalesce(sum(found) filter (where measure = 'rows'), 0) as rows_out,
    count(*) filter (where not is_balanced) as unbalanced
from quality.conservation
group by hop
order by hop
