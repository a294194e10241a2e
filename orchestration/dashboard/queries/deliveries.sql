-- Delivered rows that were not loaded, by what became of them. One row per delivery date and outcome, the last {deliveries} dates.
with days as (
    select
        delivery_date as day,
        sum(rows_received) as received,
        sum(rows_superseded) as superseded,
        sum(rows_repeated) as repeated,
        sum(rows_quarantined) as quarantined
    from quality.deliveries
    where delivery_date is not null
    group by delivery_date
    order by delivery_date desc
    limit {deliveries}
),
outcomes as (
    unpivot days on superseded, repeated, quarantined into name outcome value amount
)
select day, outcome, amount, amount / nullif(received, 0) as share
from outcomes
