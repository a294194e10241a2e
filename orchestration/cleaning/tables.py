"""One dataset from raw to clean, with everything that is said about it, in one transaction.

What belongs here: the order of the steps. What does not: the steps (`conform.py`, `deduplicate.py`, `ledger.py`,
`releases.py`, `doubtful_values.py`, `quarantine.py`, `drift.py`).
"""

from contextlib import suppress
from dataclasses import dataclass

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
from orchestration.errors import is_machine_fault, machine_fault
from orchestration.settings import Settings


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one dataset over all its deliveries."""

    received: int
    loaded: int
    superseded: int
    repeated: int
    quarantined: int


def clean_table(con: duckdb.DuckDBPyConnection, settings: Settings, contract: Contract) -> Counts:
    """Build `clean.<table>` and this dataset's part of the account, quarantine and drift again from raw.

    Either all of it changes or none: a run that is killed leaves the tables of the run before.

    Raises:
        UserError: `null_tokens.csv` is missing or wrong, a decision cannot be read, or disk or memory does not suffice.
    """
    tokens = null_tokens.load(settings.policy_dir)
    decided = releases.read_decisions(settings)
    about_values = doubtful_values.read_decisions(settings)
    con.execute("begin")
    try:
        conform.conform(con, contract, tokens, settings.timezone)
        releases.apply(con, contract, tokens, settings.timezone, decided)
        doubtful_values.apply(con, contract, settings.timezone, about_values.values())
        deduplicate.settle(con)
        deduplicate.load(con, contract)
        counts = ledger.record(con, contract)
        quarantine.record(con, contract)
        drift.record(con, contract)
        profile.record(con, contract, settings.policy_dir)
        con.execute("drop table temp.contested_rows")
        con.execute("drop table temp.released_rows")
        con.execute("drop table temp.conformed_rows")
        con.execute("drop table temp.conformed_files")
        con.execute("commit")
    except BaseException as error:
        _roll_back(con)
        if is_machine_fault(error):
            raise machine_fault(error, f"Cleaning {contract.table} in {settings.database}") from error
        raise
    return Counts(**counts)


def _roll_back(con: duckdb.DuckDBPyConnection) -> None:
    # A disk that is full can have ended the transaction, or the database, already.
    with suppress(duckdb.Error):
        con.execute("rollback")
