"""Which days of evaluation are valued in a run, and which keep the rows of before.

What belongs here: the tables of schema `valuation`, the note of what each day was valued from, and telling the models
which rows they keep are affected. What does not: the values (`values.py`).

All rows of a day follow from the purchases up to it, the policy of its time, code and libraries. The last three are the
recipe of `orchestration.increment`, whose runs keep nothing where it changed; purchases are noted here.

Tables:
    valuation.customer_values: one row per customer and day of evaluation from the first purchase on.
    valuation.fits: one row per day of evaluation with a buyer.
    valuation.backtests: one row per day of evaluation with a back-test, grouping and group.
    valuation.days_valued: one row per day of evaluation, with a checksum of the purchases up to it (customer and day).
"""

from datetime import date

import duckdb

from orchestration.database import column_names

_TABLES = {
    "customer_values": """
        customer_id varchar, evaluated_on date, frequency integer, recency_days integer, age_days integer,
        p_alive double, expected_purchases_90d double, expected_purchases_365d double, expected_spend double,
        clv_90d double, clv_365d double, method varchar, method_reason varchar""",
    "fits": """
        evaluated_on date, buyers integer, repeat_buyers integer,
        r double, alpha_days double, a double, b double, log_likelihood double, verdict varchar,
        starts integer, agreeing_starts integer, evaluations integer,
        p double, q double, gamma double, spend_log_likelihood double, spend_verdict varchar,
        fitted_mean_spend double, observed_mean_spend double, spend_frequency_correlation double,
        tested_from date, test_days integer, test_customers integer, actual_purchases double,
        predicted_purchases double, mae double, rmse double, own_rate_mae double, cohort_mean_mae double,
        baseline_mae double, fallback_mae double, actual_spend double, predicted_spend double, spend_mae double,
        beats_baseline boolean, method varchar, method_reason varchar""",
    "backtests": """
        evaluated_on date, grouped_by varchar, group_number integer, customers integer,
        predicted_purchases double, actual_purchases double, own_rate_purchases double, cohort_mean_purchases double,
        predicted_spend double, actual_spend double""",
    "days_valued": "evaluated_on date, purchases bigint, content hugeint",
}

_PURCHASES_BY_DAY = """
    create or replace temp table purchases_by_day as
    with bought as (
        select
            purchased_on,
            count(*) as purchases,
            sum(hash(customer_id, purchased_on, purchased_amount)) as content
        from intermediate.int_purchase_days_aggregated
        where purchases > 0
        group by purchased_on
    )
    select
        days.evaluated_on,
        cast(coalesce(sum(bought.purchases), 0) as bigint) as purchases,
        coalesce(sum(bought.content), 0) as content
    from intermediate.int_evaluation_days as days
    left join bought on bought.purchased_on <= days.evaluated_on
    group by days.evaluated_on
"""
# The value of everybody else moves with the fit, and the fit with the facts of anybody.
_VALUES_BY_DAY = """
    select evaluated_on, count(*) as customers, sum(hash(customer_values)) as content
    from valuation.customer_values
    where
        customer_id not in (select customer_id from increment.customers_due)
        and evaluated_on in (select evaluated_on from days_to_value)
    group by evaluated_on
"""
_MARK_DAYS = f"""
    update increment.days set due = 'valued'
    where due is null and evaluated_on in (
        select coalesce(present.evaluated_on, before.evaluated_on)
        from ({_VALUES_BY_DAY}) as present
        full join values_before as before on present.evaluated_on = before.evaluated_on
        where (present.customers, present.content) is distinct from (before.customers, before.content)
    )
"""


def make_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables anew, without a row."""
    for table, columns in _TABLES.items():
        con.execute(f"create or replace table valuation.{table} ({columns})")


def begin(con: duckdb.DuckDBPyConnection, *, keeps: bool) -> list[date]:
    """Take away the rows of every day but those that hold, and note what the others are to be valued from.

    To be called in the transaction that values them. Rows hold where the same purchases are noted for their day; a day
    that is evaluated no more loses its rows too.

    Args:
        con: the working database.
        keeps: whether rows may be kept at all; where the tables are not as they should be, none are.

    Returns:
        The days to value, in their order.
    """
    if not (keeps and _are_whole(con)):
        make_tables(con)
    con.execute(_PURCHASES_BY_DAY)
    con.execute("create or replace temp table days_to_value as from purchases_by_day except from valuation.days_valued")
    if keeps:
        con.execute(f"create or replace temp table values_before as {_VALUES_BY_DAY}")
    for table in _TABLES:
        con.execute(
            f"delete from valuation.{table} where evaluated_on not in "
            "(select evaluated_on from (from purchases_by_day except from days_to_value))"
        )
    con.execute("insert into valuation.days_valued from days_to_value")
    due = con.execute("select evaluated_on from days_to_value order by evaluated_on").fetchall()
    return [day for (day,) in due]


def mark_moved(con: duckdb.DuckDBPyConnection) -> None:
    """Mark the days on which the value of somebody changed whose facts did not (`orchestration.increment`).

    To be called when the days that `begin` gave with `keeps` are valued, in the same transaction.
    """
    con.execute(_MARK_DAYS)


def _are_whole(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether each table is there with its columns."""
    return all(
        column_names(con, "valuation", table) == [column.split()[0] for column in columns.split(",")]
        for table, columns in _TABLES.items()
    )
