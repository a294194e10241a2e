-- Service rates of the last whole month beside their target or reference. One row per rate and part.
select measure, dimension, dimension_value as part, numerator, denominator, value, coalesce(target, reference) as promise
from marts.service_measures
where dimension in ('all', 'tier')
    and unit = 'share'
    and value between 0 and 1
    and month_end = (select max(month_end) from marts.service_measures where is_month_over)
order by measure, dimension, part
