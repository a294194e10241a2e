"""Which days of evaluation are valued in a run, and which keep the rows of before.

What belongs here: the tables of schema `valuation`, the note of what each day was valued from, and telling the models
which rows they keep are affected. What does not: the values (`values.py`).

All rows of a day follow from the purchases up to it, the policy of its time, code and libraries. The last three are the
recipe of `orchestration.increment`, whose runs keep nothing where it changed; purchases are noted here. So is what the
values of a day follow from beside the purchases of each buyer, which is the fit as stated: where a day is fitted anew
and that is what it was, only buyers who are due get other values.

Tables:
    valuation.customer_values: one row per customer and day of evaluation from the first purchase on.
    valuation.fits: one row per day of evaluation with a buyer.
    valuation.backtests: one row per day of evaluation with a back-test, grouping and group.
    valuation.days_valued: one row per day of evaluation, with a checksum of the purchases up to it (customer and day),
        and one of what its values follow from beside those of each buyer (NULL without a buyer).
"""

import hashlib
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
    "days_valued": "evaluated_on date, purchases bigint, content hugeint, follows_from varchar",
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


def make_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables anew, without a row."""
    for table, columns in _TABLES.items():
        con.execute(f"create or replace table valuation.{table} ({columns})")


def begin(con: duckdb.DuckDBPyConnection, *, keeps: bool) -> list[date]:
    """Take away the rows of days that are evaluated no more, and tell which of the others are to be valued.

    To be called in the transaction that values them. Rows hold where the same purchases are noted for their day; those
    of the other days stay until `begin_day`.

    Args:
        con: the working database.
        keeps: whether rows may be kept at all; where the tables are not as they should be, none are.

    Returns:
        The days to value, in their order.
    """
    if not (keeps and _are_whole(con)):
        make_tables(con)
    con.execute(_PURCHASES_BY_DAY)
    for table in _TABLES:
        con.execute(
            f"delete from valuation.{table} where evaluated_on not in (select evaluated_on from purchases_by_day)"
        )
    due = con.execute(
        "select evaluated_on from (from purchases_by_day except select * exclude (follows_from) from "
        "valuation.days_valued) order by evaluated_on"
    ).fetchall()
    return [day for (day,) in due]


def begin_day(con: duckdb.DuckDBPyConnection, day: date, follows_from: object, *, keeps: bool) -> bool:
    """Take away the rows of a day that must be made anew, and note what those that come are made from.

    Args:
        con: the working database, with the tables of `begin`.
        day: one of those that `begin` gave.
        follows_from: what the values follow from beside the purchases of each buyer; None without a buyer.
        keeps: as for `begin`; then the models are told where the values of everybody change.

    Returns:
        Whether the values of all buyers are to be made, or only of those who are due.
    """
    checksum = None if follows_from is None else hashlib.sha256(repr(follows_from).encode()).hexdigest()
    noted = con.execute("select follows_from from valuation.days_valued where evaluated_on = ?", [day]).fetchone()
    # A day that was never noted has no rows, like one without a buyer.
    stands = keeps and (noted or (None,)) == (checksum,)
    of_who_is_due = "and customer_id in (select customer_id from increment.customers_due)" if stands else ""
    for table in _TABLES:
        of_whom = of_who_is_due if table == "customer_values" else ""
        con.execute(f"delete from valuation.{table} where evaluated_on = ? {of_whom}", [day])
    con.execute(
        "insert into valuation.days_valued select *, ? from purchases_by_day where evaluated_on = ?", [checksum, day]
    )
    if keeps and not stands:
        con.execute("update increment.days set due = 'valued' where due is null and evaluated_on = ?", [day])
    return not stands


def _are_whole(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether each table is there with its columns."""
    return all(
        column_names(con, "valuation", table) == [column.split()[0] for column in columns.split(",")]
        for table, columns in _TABLES.items()
    )
