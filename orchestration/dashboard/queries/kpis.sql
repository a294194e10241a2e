-- Values and targets of each KPI at the month ends and on the as-of day. One row per KPI, day and part.
select
    kpi, as_of as day, is_as_of, dimension, dimension_value as part, value, unit, status, target, direction, owner
from marts.kpi_daily
where is_month_end or is_as_of
order by kpi, dimension, dimension_value, as_of
