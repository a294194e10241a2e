-- What is being done about red KPIs. One row per open remediation.
select kpi, action, owner, opened_on, due_on, is_overdue
from marts.kpi_remediation
where closed_on is null
order by kpi, opened_on
