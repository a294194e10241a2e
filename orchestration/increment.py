"""What a night must build anew: customers whose facts changed, and days that were not evaluated before.

What belongs here: deciding it, and the notes that make the decision safe. What does not: the rows (`models/`, macro
`increments.sql`), days whose fit changed (`valuation/kept_days.py` adds them) and customers a cut point moved across
(`int_customers_moved` adds them).

The notes say from what facts and windows the kept tables were made. They are brought up to date in one transaction with
what is due, and what is due stays so until a run has built all of it: a run that dies leaves more due, never less.

Tables of schema `increment`:
    run: one row, this run: `run_id`, `recipe`, `keeps` (false: everything is due), `is_finished`.
    customers_seen(customer_id, fingerprint): the facts of each customer.
    customers_due(customer_id): customers all of whose rows are due; also those who are gone.
    days(evaluated_on, spend_days, activity_days, repeat_days, window_set, due): each day of evaluation with its
        windows; `due` `counted` (new), `valued` (its fit changed) or NULL.
    cuts_seen: the cut points by which the kept rows were placed; `int_customers_moved` writes it.
    by_hand_<name>: there, where a model that keeps rows (macro `forget_increments`) or valuation was made outside of a
        run.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Literal

import duckdb

from orchestration.database import identifier, table_exists, transaction
from orchestration.files import checksum
from orchestration.settings import Settings

Increment = Literal["due", "all"]

# A change in one of these can change any row; Python's are those of the stages that write what dbt keeps rows of.
_RECIPE = (
    "dbt_project/*.yml",
    "dbt_project/macros/**/*.sql",
    "models/**/*.sql",
    "models/**/*.yml",
    "orchestration/increment.py",
    "orchestration/valuation/*.py",
    "orchestration/warehouse/*.py",
    "seeds/policy/*",
    "seeds/reference/*",
)
_LIBRARIES = ("dbt-core", "dbt-duckdb", "duckdb", "numpy", "scipy")
# From this share of due customers on, replacing whole tables costs less.
_MOST_KEPT = 0.4

_CUTS_SEEN = "increment.cuts_seen"
_BY_HAND = "by_hand_"  # the macro `forget_increments` knows it too

_TABLES = """
create table if not exists increment.run (run_id varchar, recipe varchar, keeps boolean, is_finished boolean);
create table if not exists increment.customers_seen (customer_id varchar, fingerprint varchar);
create table if not exists increment.customers_due (customer_id varchar);
create table if not exists increment.days (
    evaluated_on date, spend_days integer, activity_days integer, repeat_days integer, window_set integer, due varchar);
"""


@dataclass(frozen=True)
class Decision:
    """What is due: customers and days of so many; all of them where nothing is kept, and why."""

    customers_due: int
    customers: int
    days_due: int
    days: int
    nothing_kept: str | None


def recipe(settings: Settings) -> str:
    """Checksum of all that makes the kept tables, but the data."""
    code = checksum((path for pattern in _RECIPE for path in settings.root.glob(pattern)), settings.root)
    parts = (code, settings.timezone, [version(library) for library in _LIBRARIES])
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def decide(con: duckdb.DuckDBPyConnection, run_id: str, recipe: str, kept: Collection[str]) -> Decision:
    """Write what this run must build, from the facts and days of evaluation in `intermediate`.

    Args:
        con: the working database.
        run_id: of this run.
        recipe: checksum of what makes the tables.
        kept: `schema.table` of each table that keeps rows: where one is missing, everything is due.
    """
    with transaction(con):
        con.execute(_TABLES)
        reason = _why_nothing_is_kept(con, recipe, kept)
        if reason is None:
            _note(con)
            due, customers = _count(con, "customers_due"), _count(con, "customers_seen")
            if due > _MOST_KEPT * customers:
                reason = f"{due:,} of {customers:,} customers changed"
        if reason is not None:
            _forget(con)
            _note(con)
        con.execute("delete from increment.run")
        con.execute("insert into increment.run values (?, ?, ?, false)", [run_id, recipe, reason is None])
    return Decision(
        customers_due=_count(con, "customers_due"),
        customers=_count(con, "customers_seen"),
        days_due=_count(con, "days where due is not null"),
        days=_count(con, "days"),
        nothing_kept=reason,
    )


def mode(con: duckdb.DuckDBPyConnection, run_id: str) -> Increment | None:
    """How the models of this run are built; None where it decided nothing, because it builds only some of them."""
    if not table_exists(con, "increment", "run"):
        return None
    found = con.execute("select keeps from increment.run where run_id = ? and not is_finished", [run_id]).fetchone()
    return None if found is None else ("due" if found[0] else "all")


def counted_until(con: duckdb.DuckDBPyConnection) -> date | None:
    """The last day of evaluation before the first that is new: customers who are not due are counted on from there.

    None where there is no such day, or where windows changed after it, so that sums over them do not go on.
    """
    new = con.execute("select evaluated_on, window_set from increment.days where due = 'counted'").fetchall()
    first = min((day for day, _ in new), default=date.max)
    last = con.execute(
        "select evaluated_on, window_set from increment.days where evaluated_on < ? order by evaluated_on desc limit 1",
        [first],
    ).fetchone()
    return last[0] if last and all(windows == last[1] for _, windows in new) else None


def finish(con: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Say that all that was due has been built; to be called when it has."""
    con.execute("update increment.run set is_finished = true where run_id = ?", [run_id])


def mark_built_by_hand(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Say that tables which kept rows are made from were made outside of a run: the next run builds everything."""
    con.execute(f"create or replace table increment.{identifier(_BY_HAND + name)} as select 1 as by_hand")


def _why_nothing_is_kept(con: duckdb.DuckDBPyConnection, recipe: str, kept: Collection[str]) -> str | None:
    """The reason, or None; where the run before was finished, what it left due is cleared."""
    found = con.execute("select recipe, keeps, is_finished from increment.run").fetchone()
    if found is None:
        return "nothing was built before"
    if by_hand := _built_by_hand(con):
        return f"{by_hand[0]} was built by hand"
    built_by, kept_rows, is_finished = found
    if built_by != recipe:
        return "models, policies or libraries changed"
    if not kept_rows and not is_finished:
        return "the run before had everything to build and did not end"
    missing = [name for name in sorted({*kept, _CUTS_SEEN}) if not table_exists(con, *name.split("."))]
    if missing:
        return f"{missing[0]} is not there"
    if is_finished:
        con.execute("delete from increment.customers_due")
        con.execute("delete from intermediate.int_customers_moved")
        con.execute("update increment.days set due = null")
    return None


def _built_by_hand(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Kept models that somebody built outside of a run: they may know facts that no note tells."""
    found = con.execute(
        "select table_name from information_schema.tables where table_schema = 'increment' and table_name like ?",
        [f"{_BY_HAND}%"],
    ).fetchall()
    return sorted(str(name).removeprefix(_BY_HAND) for (name,) in found)


def _note(con: duckdb.DuckDBPyConnection) -> None:
    """Note the facts and days of now, with what is due by those of before beside what was due already."""
    con.execute("""
        insert into increment.customers_due
        select coalesce(present.customer_id, seen.customer_id)
        from intermediate.int_customer_fingerprints as present
        full join increment.customers_seen as seen on present.customer_id = seen.customer_id
        where present.fingerprint is distinct from seen.fingerprint
        except
        select customer_id from increment.customers_due
    """)
    con.execute("create or replace table increment.customers_seen as from intermediate.int_customer_fingerprints")
    con.execute("""
        create or replace table increment.days as
        select
            present.evaluated_on,
            present.spend_days,
            present.activity_days,
            present.repeat_days,
            present.window_set,
            case when seen.evaluated_on is null then 'counted' else seen.due end as due
        from intermediate.int_evaluation_days as present
        left join increment.days as seen
            on present.evaluated_on = seen.evaluated_on
            and present.spend_days = seen.spend_days
            and present.activity_days = seen.activity_days
            and present.repeat_days = seen.repeat_days
            and present.window_set = seen.window_set
    """)


def _forget(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the notes of before, which an earlier version may have shaped otherwise, and the marks that asked for it."""
    for name in _built_by_hand(con):
        con.execute(f"drop table increment.{identifier(_BY_HAND + name)}")
    for table in ("run", "customers_seen", "customers_due", "days"):
        con.execute(f"drop table increment.{table}")
    con.execute(_TABLES)


def _count(con: duckdb.DuckDBPyConnection, rows: str) -> int:
    return int(con.execute(f"select count(*) from increment.{rows}").fetchall()[0][0])
