-- Purchases foretold and made in the holdout of the newest fit. One row per grouping and group.
select
    grouped_by, group_number, customers,
    predicted_purchases / nullif(customers, 0) as predicted,
    actual_purchases / nullif(customers, 0) as actual
from marts.value_backtest
where evaluated_on = (select max(evaluated_on) from marts.value_backtest)
order by grouped_by, group_number
