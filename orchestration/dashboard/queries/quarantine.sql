-- Why rows are in quarantine. One row per dataset and reason, the most frequent first.
select
    coalesce(source || '.' || dataset, 'unknown') as dataset,
    coalesce(reasons[1], 'unknown') as reason,
    count(*) as bad_rows
from quality.quarantine
where status = 'open'
group by all
order by bad_rows desc, dataset, reason
limit 12
