"""Which deliveries of a dataset its clean tables were not made from yet, and what they are made from now.

What belongs here: comparing, and the note of it. What does not: what is done with a delivery that is due (the steps of
`tables.py`).

A delivery is due as a whole when its files (by checksum and by when they were read), what people decided about its
rows, or the *recipe* is not what its rows were cleaned by: the contract, the tokens for `not given`, what people
decided about values, the time zone, DuckDB, and the code. So late, corrected, replaced and withdrawn files, edited
rules and restored backups are all seen, whatever the last run did. Everything is due where nothing is known, where the
kept tables do not agree with their own account, and where most is due anyhow.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

import data_quality.contract
from data_quality.contract import Contract
from orchestration.database import identifier, literal, table_exists
from orchestration.files import checksum
from orchestration.settings import PROJECT_ROOT

_CREATE = """
    create table if not exists clean.cleaned_deliveries (
        source varchar, dataset varchar, delivery_date date, recipe varchar, signature varchar
    )"""

# Beyond this share of the rows, taking out and putting back costs more than writing all anew.
_MOST = 0.5


@dataclass(frozen=True)
class Due:
    """What is due of one dataset: everything, with the reason, or some delivery dates, with or without rows now."""

    everything: bool = True
    because: str = ""
    days: frozenset[date] = frozenset()

    def holds(self, delivery_date: str) -> str:
        """SQL that says whether a delivery date (SQL) is due."""
        if self.everything:
            return "true"
        listed = ", ".join(f"date {literal(day.isoformat())}" for day in sorted(self.days))
        return f"({delivery_date} in ({listed}))" if listed else "false"

    def also(self, days: Iterable[date]) -> "Due":
        """The same with more delivery dates."""
        return replace(self, days=self.days | frozenset(days))


def other_table(contract: Contract) -> str:
    """Where the good rows of a dataset are kept that are not loaded, since another row of their key is."""
    return f"clean.{identifier(f'{contract.table}_not_loaded')}"


def recipe(contract: Contract, *rules: object) -> str:
    """Checksum of all that decides how a delivered row is cleaned, its delivery aside; `rules` by what they print."""
    modules = [*Path(__file__).parent.glob("*.py"), Path(data_quality.contract.__file__)]
    parts = (contract.model_dump_json(), duckdb.__version__, rules, checksum(modules, PROJECT_ROOT))
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def find(con: duckdb.DuckDBPyConnection, contract: Contract, made_by: str, released: Mapping[str, str]) -> Due:
    """Compare the deliveries in raw with those that the clean tables were made from.

    Args:
        con: The working database.
        contract: The dataset.
        made_by: Its `recipe` of today.
        released: What people let go of the quarantine: entry id to what it was released with.
    """
    con.execute(_CREATE)
    noted = con.execute(
        "select delivery_date, recipe, signature from clean.cleaned_deliveries where source = $1 and dataset = $2",
        [contract.source, contract.dataset],
    ).fetchall()
    before = {day: signature for day, _, signature in noted}
    if not before:
        return Due(because="nothing was cleaned before")
    if any(recipe != made_by for _, recipe, _ in noted):
        return Due(because="contract, rules, decided values or code changed")
    if not _are_kept_whole(con, contract):
        return Due(because="the kept tables do not agree with their account")
    now = _deliveries(con, contract, released)
    days = {day for day in before.keys() | now.keys() if _differs(now.get(day), before.get(day))}
    rows_due = sum(now[day].rows for day in days & now.keys())
    if rows_due > _MOST * sum(delivery.rows for delivery in now.values()):
        return Due(because="most deliveries are due")
    return Due(everything=False, days=frozenset(days))


def note(con: duckdb.DuckDBPyConnection, contract: Contract, made_by: str, released: Mapping[str, str]) -> None:
    """Write what the clean tables are made from now to `clean.cleaned_deliveries`, in the transaction that made them.

    `clean.cleaned_deliveries(source, dataset, delivery_date, recipe, signature)`: one row per delivery whose files are
    known by checksum; what is not in it is due again.
    """
    dataset = [contract.source, contract.dataset]
    known = {day: delivery.signature for day, delivery in _deliveries(con, contract, released).items()}
    con.execute("delete from clean.cleaned_deliveries where source = $1 and dataset = $2", dataset)
    con.execute(
        """
        insert into clean.cleaned_deliveries
        select $1, $2, now.delivery_date, $3, now.signature
        from (select unnest($4::date[]) as delivery_date, unnest($5::varchar[]) as signature) as now
        where now.signature is not null""",
        [*dataset, made_by, list(known), list(known.values())],
    )


@dataclass(frozen=True)
class _Delivery:
    rows: int
    signature: str | None


def _differs(now: _Delivery | None, noted: str | None) -> bool:
    return now is None or now.signature is None or now.signature != noted


def _deliveries(
    con: duckdb.DuckDBPyConnection, contract: Contract, released: Mapping[str, str]
) -> dict[date, _Delivery]:
    """Rows and signature of each delivery in raw; no signature where a file's checksum is not known."""
    if not table_exists(con, "raw", "files"):
        return {}
    dataset = [contract.source, contract.dataset]
    # The same file is due when it was read again: another release may read it otherwise.
    found = con.execute(
        """
        select
            delivery_date, sum(rows)::bigint, count(*) = count(sha256),
            list(concat_ws('|', file, sha256, rows, bad_rows, ingested_at) order by file)
        from raw.files
        where source = $1 and dataset = $2 and status = 'read'
        group by delivery_date""",
        dataset,
    ).fetchall()
    entries = con.execute(
        "select delivery_date, list(entry_id order by entry_id) from clean.rejected_rows "
        "where source = $1 and dataset = $2 group by delivery_date",
        dataset,
    ).fetchall()
    let_go = {day: [(entry, released[entry]) for entry in of_day if entry in released] for day, of_day in entries}
    return {
        day: _Delivery(
            rows, hashlib.sha256(repr((files, let_go.get(day, []))).encode()).hexdigest() if are_known else None
        )
        for day, rows, are_known, files in found
    }


def _are_kept_whole(con: duckdb.DuckDBPyConnection, contract: Contract) -> bool:
    """Say whether the kept tables hold as many rows as their own account says."""
    tables = (contract.table, f"{contract.table}_not_loaded", "row_outcomes", "rejected_rows")
    if not all(table_exists(con, "clean", table) for table in tables):
        return False
    found = con.execute(
        f"""
        select
            (select count(*) from clean.{identifier(contract.table)}),
            (select count(*) from {other_table(contract)}),
            (
                select count(*) from clean.rejected_rows
                where source = $1 and dataset = $2 and resolution is distinct from 'by_hand'
            ),
            coalesce(sum(rows) filter (outcome = 'loaded'), 0),
            coalesce(sum(rows) filter (outcome in ('superseded', 'repeated')), 0),
            coalesce(sum(rows) filter (outcome = 'quarantined'), 0)
        from clean.row_outcomes
        where source = $1 and dataset = $2""",
        [contract.source, contract.dataset],
    ).fetchone()
    return found is not None and found[:3] == found[3:]
