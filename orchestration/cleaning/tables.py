"""One dataset from raw to clean, with everything that is said about it, in one transaction.

What belongs here: the order of the steps. What does not: the steps (`due.py`, `conform.py`, `deduplicate.py`,
`ledger.py`, `releases.py`, `doubtful_values.py`, `quarantine.py`, `drift.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from data_quality.contract import Contract
from orchestration.cleaning import (
    conform,
    deduplicate,
    doubtful_values,
    drift,
    ledger,
    null_tokens,
    profile,
    quarantine,
    releases,
)
from orchestration.cleaning.due import Due, find, note, recipe
from orchestration.database import transaction
from orchestration.errors import is_machine_fault, machine_fault
from orchestration.settings import Settings

# What the steps leave for each other.
_TEMPORARY = ("contested_rows", "rivals", "due_keys", "released_rows", "conformed_rows", "conformed_files")


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one dataset over all its deliveries, and how much of it was due."""

    received: int
    loaded: int
    superseded: int
    repeated: int
    quarantined: int
    deliveries_due: int = field(default=0, compare=False)
    rows_due: int = field(default=0, compare=False)
    keys_due: int = field(default=0, compare=False)
    full_because: str = field(default="", compare=False)


def clean_table(con: duckdb.DuckDBPyConnection, settings: Settings, contract: Contract) -> Counts:
    """Bring `clean.<table>` and this dataset's part of the account, quarantine and drift up to date with raw.

    What is not due is left alone, and the tables hold the rows that building them anew from all of raw gives. Either
    all of it changes or none: a run that is killed leaves the tables of the run before.

    Raises:
        UserError: `null_tokens.csv` is missing or wrong, a decision cannot be read, or disk or memory does not suffice.
    """
    tokens = null_tokens.load(settings.policy_dir)
    decided = releases.read_decisions(settings)
    about_values = doubtful_values.changes(contract, doubtful_values.read_decisions(settings).values())
    made_by = recipe(contract, settings.timezone, null_tokens.said(tokens), about_values)
    let_go = {d.entry_id: repr(sorted(d.corrections.items())) for d in decided.values() if d.verdict == "released"}
    try:
        with transaction(con):
            due = find(con, contract, made_by, let_go)
            work: dict[str, int] = {}
            if due.everything or due.days:
                due = _decide(con, settings, contract, due, tokens, decided, about_values)
                deduplicate.load(con, contract, due)
                ledger.record(con, contract, due)
                quarantine.record(con, contract, due)
                drift.record(con, contract, due)
                profile.record(con, contract, due)
                note(con, contract, made_by, let_go)
                work = _work(con, due)
                for table in _TEMPORARY:
                    con.execute(f"drop table temp.{table}")
            counts = ledger.rows_by_outcome(con, contract)
    except Exception as error:
        if is_machine_fault(error):
            raise machine_fault(error, f"Cleaning {contract.table} in {settings.database}") from error
        raise
    return Counts(**counts, **work, full_because=due.because)


def _decide(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    contract: Contract,
    due: Due,
    tokens: tuple[null_tokens.NullToken, ...],
    decided: Mapping[str, releases.EntryDecision],
    about_values: Sequence[doubtful_values.ValueDecision],
) -> Due:
    """Read what is due and decide its keys; give what is due, with the deliveries that withdrawn rows leave to read."""
    while True:
        conform.conform(con, contract, tokens, settings.timezone, due)
        releases.apply(con, contract, tokens, settings.timezone, decided)
        doubtful_values.apply(con, contract, settings.timezone, about_values)
        deduplicate.settle(con, contract, due)
        more = deduplicate.deliveries_to_read(con)
        if not more:
            return due
        due = due.also(more)


def _work(con: duckdb.DuckDBPyConnection, due: Due) -> dict[str, int]:
    """How much was due: deliveries, rows read, keys decided (every row's own where everything is due)."""
    keys = "count(record_key) from conformed_rows" if due.everything else "count(*) from due_keys"
    found = con.execute(f"""
        select
            (select count(distinct _delivery_date) from conformed_files),
            (select count(*) from conformed_rows),
            (select {keys})""").fetchone()
    deliveries, rows, decided = found or (0, 0, 0)
    return {
        "deliveries_due": deliveries if due.everything else len(due.days),
        "rows_due": rows,
        "keys_due": decided,
    }
