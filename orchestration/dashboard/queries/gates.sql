-- What the gates of this version found. One row per stage.
select
    stage,
    count(*) as checks,
    count(*) filter (where passed) as passed,
    count(*) filter (where not passed and severity = 'error') as blocking
from quality.check_results
where run_id = (select max_by(run_id, checked_at) from quality.check_results)
group by stage
order by min(checked_at)
