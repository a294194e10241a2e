-- Service clocks by month, for all and by tier, beside what was promised. One row per month, clock and part.
select month_end as day, measure, dimension, dimension_value as part, value, denominator, target
from marts.service_measures
where dimension in ('all', 'tier')
    and measure in ('first_response', 'handling', 'complaint_resolution')
    and month_end > last_day($as_of::date - interval {months} month)
order by measure, dimension, part, day
