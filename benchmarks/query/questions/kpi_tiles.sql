-- The tiles of a dashboard: every KPI of the newest day with its status and its change.
select kpi, value, target, status, change from marts.kpi_daily where is_as_of and dimension = 'total' order by kpi
