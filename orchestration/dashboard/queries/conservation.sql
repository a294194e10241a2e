-- Sums that must agree between two stages. One row per measure.
select measure, expected, found, difference from quality.revenue_reconciliation
union all
select
    'delivered_rows', sum(rows_received),
    sum(rows_loaded + rows_superseded + rows_repeated + rows_quarantined),
    sum(rows_received - rows_loaded - rows_superseded - rows_repeated - rows_quarantined)
from quality.deliveries
union all
select
    'delivered_amount', sum(amount_received),
    sum(amount_loaded + amount_superseded + amount_repeated + amount_quarantined),
    sum(amount_received - amount_loaded - amount_superseded - amount_repeated - amount_quarantined)
from quality.deliveries
