"""Days whose purchases are those they were valued from are kept, and all are as if made from nothing."""

from collections.abc import Callable
from concurrent.futures import Executor
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.settings import Settings
from orchestration.valuation import values
from orchestration.valuation.policy import FILE
from orchestration.valuation.values import ValueReport, make_values
from tests.valuation.test_values import buyers_that_fade

POLICY = Settings().policy_dir
BEFORE_ANYBODY, JUNE, SEPTEMBER, DECEMBER = (
    date(2023, 12, 31), date(2025, 6, 30), date(2025, 9, 30), date(2025, 12, 31),
)  # fmt: skip
AS_OF, NEXT_AS_OF = date(2026, 1, 10), date(2026, 1, 11)
DAYS = [BEFORE_ANYBODY, JUNE, SEPTEMBER, DECEMBER, AS_OF]
TABLES = ("customer_values", "fits", "backtests", "days_valued")

BOUGHT = "intermediate.int_purchase_days_aggregated"
Connection = duckdb.DuckDBPyConnection
Content = dict[str, list[tuple[object, ...]]]


def working_database(database: Callable[..., Connection], buyers: int, policy: Path = POLICY) -> Connection:
    """A working database whose days were all valued, in a run that has ended."""
    connection = database(buyers_that_fade(buyers), DAYS)
    connection.execute("create schema increment")
    connection.execute("create table increment.customers_due (customer_id varchar)")
    connection.execute(
        "create table increment.days as "
        "select evaluated_on, cast(null as varchar) as due from intermediate.int_evaluation_days"
    )
    connection.execute(f"create table bought_before as from {BOUGHT}")
    make_values(connection, policy)
    return connection


@pytest.fixture
def con(database: Callable[..., Connection], request: pytest.FixtureRequest) -> Connection:
    """Of few buyers, so that none is fitted."""
    return working_database(database, getattr(request, "param", 25))


@pytest.fixture
def coarse_policy(tmp_path: Path) -> Path:
    """Parameters of however few buyers are stated so coarsely that a purchase more moves none."""
    rows = (POLICY / FILE).read_text(encoding="utf-8")
    rows = rows.replace("stated_from_buyers,5000,", "stated_from_buyers,1,")
    for step in ("stated_step,0.005,", "stated_step_of_strength,0.05,"):
        assert step in rows
        rows = rows.replace(step, f"{step.split(',')[0]},0.5,")
    (tmp_path / FILE).write_text(rows, encoding="utf-8")
    return tmp_path


@pytest.fixture
def valued(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The days that are valued from now on, in their order."""
    days: list[date] = []
    begin = values._Run._begin

    def noted(run: values._Run, pool: Executor, day: date) -> object:
        days.append(day)
        return begin(run, pool, day)

    monkeypatch.setattr(values._Run, "_begin", noted)
    return days


def night(con: Connection, policy: Path = POLICY) -> ValueReport:
    """A run that keeps rows; due are those whose purchases changed."""
    con.execute(f"""
        insert into increment.customers_due
        select customer_id from (from {BOUGHT} except all from bought_before)
        union select customer_id from (from bought_before except all from {BOUGHT})
    """)
    return make_values(con, policy, keeps=True)


def content(con: Connection) -> Content:
    return {table: con.execute(f"from valuation.{table} order by all").fetchall() for table in TABLES}


def marked(con: Connection) -> list[date]:
    """The days that the run marked for everybody."""
    found = con.execute("select evaluated_on from increment.days where due = 'valued' order by evaluated_on").fetchall()
    return [day for (day,) in found]


LATE = f"insert into {BOUGHT} values ('C00007', date '2025-08-02', 1, 71.5)"
# The purchases of somebody since July turn out to be those of another customer.
MERGED = f"""
    update {BOUGHT} set customer_id = 'C00007'
    where purchased_on > '2025-06-30' and customer_id = (
        select max(customer_id) from {BOUGHT} where purchased_on between '2025-07-01' and '2025-09-30'
    )
"""
NOTHING = "select 1"


@pytest.mark.parametrize(
    ("change", "due"),
    [
        (NOTHING, []),
        (LATE, [SEPTEMBER, DECEMBER, AS_OF]),
        (f"insert into {BOUGHT} values ('new', date '2025-09-30', 1, 20)", [SEPTEMBER, DECEMBER, AS_OF]),
        (f"insert into {BOUGHT} values ('new', date '2025-10-01', 1, 20)", [DECEMBER, AS_OF]),
        (f"insert into {BOUGHT} values ('new', date '2026-01-11', 1, 20)", []),
        (f"insert into {BOUGHT} values ('returned', date '2025-08-02', 0, 0)", []),
        (MERGED, [SEPTEMBER, DECEMBER, AS_OF]),
        (f"update {BOUGHT} set customer_id = 'renamed' where customer_id = 'C00007'",
         [JUNE, SEPTEMBER, DECEMBER, AS_OF]),
        # Withdrawn, and returned on its own ticket.
        (f"delete from {BOUGHT} where purchased_on between '2025-10-01' and '2025-10-31'", [DECEMBER, AS_OF]),
        (f"update {BOUGHT} set purchases = 0 where purchased_on between '2025-10-01' and '2025-10-31'",
         [DECEMBER, AS_OF]),
        (f"update {BOUGHT} set purchased_amount = purchased_amount + 0.0001 where purchased_on > '2025-10-01'",
         [DECEMBER, AS_OF]),
        (f"update intermediate.int_evaluation_days set evaluated_on = '{NEXT_AS_OF}' where evaluated_on = '{AS_OF}'",
         [NEXT_AS_OF]),
        (f"insert into intermediate.int_evaluation_days values ('{NEXT_AS_OF}')", [NEXT_AS_OF]),
        ("delete from intermediate.int_evaluation_days where evaluated_on < '2025-09-01'", []),
        ("delete from intermediate.int_evaluation_days", []),
        (f"delete from {BOUGHT}", [JUNE, SEPTEMBER, DECEMBER, AS_OF]),
    ],
)  # fmt: skip
def test_days_from_the_first_changed_purchase_on_are_valued_and_all_is_as_made_from_nothing(
    con: Connection, valued: list[date], change: str, due: list[date]
) -> None:
    con.execute(change)
    report = night(con)
    assert (valued, report.days_due) == (due, len(due))
    kept = content(con)
    from_nothing = make_values(con, POLICY)
    assert kept == content(con)
    assert (report.days, report.rows, report.last_fit) == (
        from_nothing.days, from_nothing.rows, from_nothing.last_fit,
    )  # fmt: skip
    assert from_nothing.days_due == from_nothing.days


@pytest.mark.parametrize("con", [150], indirect=True)
def test_fits_and_back_tests_are_those_of_a_run_from_nothing_too(con: Connection) -> None:
    con.execute(LATE)
    night(con)
    kept = content(con)
    make_values(con, POLICY)
    assert kept == content(con)
    fitted = con.execute("select evaluated_on from valuation.fits where tested_from is not null order by 1").fetchall()
    assert fitted == [(JUNE,), (SEPTEMBER,), (DECEMBER,), (AS_OF,)]


def test_rows_of_a_kept_day_are_not_written_again(con: Connection) -> None:
    for table in ("customer_values", "fits"):
        con.execute(f"update valuation.{table} set method_reason = 'as it stood'")
    con.execute(LATE)
    night(con)
    for table in ("customer_values", "fits"):
        stood = f"select distinct evaluated_on from valuation.{table} where method_reason = 'as it stood'"
        assert con.execute(stood).fetchall() == [(JUNE,)]


def test_days_whose_fit_moved_are_marked_for_everybody_unless_they_are_due_as_it_is(con: Connection) -> None:
    night(con)
    assert marked(con) == []
    con.execute(LATE)
    con.execute("update increment.days set due = 'counted' where evaluated_on = ?", [AS_OF])
    night(con)
    assert marked(con) == [SEPTEMBER, DECEMBER]


def test_where_the_stated_fit_is_that_of_before_only_buyers_who_are_due_are_valued(
    database: Callable[..., Connection], coarse_policy: Path
) -> None:
    con = working_database(database, 150, coarse_policy)
    con.execute("update valuation.customer_values set method_reason = 'as it stood'")
    con.execute(LATE)
    report = night(con, coarse_policy)
    assert (report.days_due, report.days_for_everybody) == (3, 0)
    assert marked(con) == []
    again = con.execute(
        "select customer_id, evaluated_on from valuation.customer_values where method_reason is null order by 2"
    ).fetchall()
    assert again == [("C00007", SEPTEMBER), ("C00007", DECEMBER), ("C00007", AS_OF)]
    con.execute("update valuation.customer_values set method_reason = null")
    kept = content(con)
    make_values(con, coarse_policy)
    assert kept == content(con)


def test_somebody_who_bought_before_all_others_makes_everybody_due(
    database: Callable[..., Connection], coarse_policy: Path
) -> None:
    """Forecasts are interpolated between the least and the greatest age."""
    con = working_database(database, 150, coarse_policy)
    con.execute(f"insert into {BOUGHT} values ('C00007', date '2023-12-01', 1, 20)")
    night(con, coarse_policy)
    assert marked(con) == [BEFORE_ANYBODY, JUNE, SEPTEMBER, DECEMBER, AS_OF]
    kept = content(con)
    make_values(con, coarse_policy)
    assert kept == content(con)


@pytest.mark.parametrize(
    "fault",
    [
        "drop table valuation.days_valued",
        "drop table valuation.customer_values",
        "alter table valuation.fits drop column mae",
        "alter table valuation.backtests add column another integer",
    ],
)
def test_tables_that_are_not_as_they_should_be_are_made_from_nothing(con: Connection, fault: str) -> None:
    before = content(con)
    con.execute(fault)
    assert night(con).days_due == len(DAYS)
    assert content(con) == before
    assert marked(con) == [JUNE, SEPTEMBER, DECEMBER, AS_OF]


def test_a_run_that_dies_leaves_rows_and_notes_of_before(
    con: Connection, valued: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(con)
    con.execute(LATE)
    with monkeypatch.context() as dying:
        dying.setattr(values, "choose", lambda *_: pytest.fail("the power went off"))
        with pytest.raises(pytest.fail.Exception):
            night(con)
    assert content(con) == before
    valued.clear()
    night(con)
    assert valued == [SEPTEMBER, DECEMBER, AS_OF]


def test_what_was_due_in_a_run_that_did_not_end_stays_marked(con: Connection) -> None:
    con.execute(LATE)
    night(con)
    assert night(con).days_due == 0
    assert marked(con) == [SEPTEMBER, DECEMBER, AS_OF]
