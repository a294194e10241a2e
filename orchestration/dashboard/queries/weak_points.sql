-- Where service fails most, by impact × frequency. One row per weak point, the worst first.
select weak_point_rank as rank, problem, topic, channel as case_channel, affected_cases, judged_cases, rate, score
from marts.service_weak_points
order by weak_point_rank
limit 12
