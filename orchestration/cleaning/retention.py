"""How long raw is kept (`seeds/policy/retention.csv`), and dropping what nothing needs any more.

What belongs here: which deliveries of raw a rebuild needs, and removing the others. What does not: published versions
(`publication/versions.py`).

A rebuild needs a delivery while one of its rows is loaded, was the first to name a loaded record, or waits in
quarantine. The others were replaced or repeated by later ones, as members are that a till sends whole every night:
without them every customer, fact and mart is the same, and only the account of those deliveries is gone. What was
dropped stays known by checksum (`status` `pruned` in the manifest), so it is not read again from the landing zone.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import duckdb

from data_quality.contract import load_contracts
from orchestration.database import identifier, table_exists
from orchestration.errors import UserError
from orchestration.ingestion.raw_store import (
    PRUNED,
    Manifest,
    partition_dir,
    read_manifest,
    replacing,
    write_manifest,
    writing_alone,
)
from orchestration.policy_rows import newest_in_force, policy_day, policy_fault, read_policy_rows
from orchestration.settings import Settings

POLICY_FILE = "retention.csv"
_SETTING, _ALL = "raw_days_kept", "all"


@dataclass(frozen=True)
class OldDelivery:
    """One dataset of one delivery that is older than the policy keeps; `needed` says what a rebuild needs it for."""

    source: str
    dataset: str
    delivery_date: date
    files: int
    rows: int
    bytes: int
    needed: str | None


def raw_days_kept(policy_dir: Path, on: date) -> int | None:
    """How many days of deliveries the policy keeps; None: all.

    Raises:
        UserError: the file is missing, or its row in force is neither `all` nor a whole number above 0.
    """
    path = policy_dir / POLICY_FILE
    versions = []
    for number, row in read_policy_rows(path, ("setting", "value", "valid_from", "why"), strip=True):
        setting, value = row["setting"], row["value"]
        if setting != _SETTING or (value != _ALL and (not value.isdecimal() or int(value) < 1)):
            raise policy_fault(
                path,
                number,
                f"setting {setting!r} must be {_SETTING} and value {value!r} `{_ALL}` or a whole number of days "
                "above 0. Correct the row.",
            )
        versions.append((setting, policy_day(path, number, "valid_from", row["valid_from"]), value))
    in_force = newest_in_force(versions, on)
    if _SETTING not in in_force:
        raise UserError(f"{path}: no row of {_SETTING} is in force on {on}. Add one.")
    return None if in_force[_SETTING] == _ALL else int(in_force[_SETTING])


def old_deliveries(con: duckdb.DuckDBPyConnection, settings: Settings, before: date) -> list[OldDelivery]:
    """Deliveries in raw that came before a day, oldest first, with what a rebuild needs them for.

    Raises:
        UserError: the warehouse was not built yet, so that nobody knows what is needed.
    """
    if not table_exists(con, "quality", "quarantine"):
        raise UserError("Nobody knows what a rebuild needs before the first one: run `c360 refresh`.")
    found: list[OldDelivery] = []
    for contract in load_contracts(settings.contracts_dir).values():
        loaded = first = set[date]()
        if table_exists(con, "clean", contract.table):
            table = f"clean.{identifier(contract.table)}"
            loaded = _days(con, f"select distinct _delivery_date from {table}")
            first = _days(con, f"select distinct _first_delivered from {table}")
        waiting = _days(
            con,
            "select distinct delivery_date from quality.quarantine where status = 'open' and source = $1 "
            "and dataset = $2",
            [contract.source, contract.dataset],
        )
        for folder in sorted((settings.raw_dir / contract.source / contract.dataset).glob("delivery_date=*")):
            day = date.fromisoformat(folder.name.removeprefix("delivery_date="))
            entries = [e for e in read_manifest(folder).files.values() if e.status != PRUNED]
            if day >= before or not entries:
                continue
            reasons = {"rows are loaded": loaded, "first named a record": first, "rows wait in quarantine": waiting}
            data = folder / "data.parquet"
            found.append(
                OldDelivery(
                    contract.source,
                    contract.dataset,
                    day,
                    files=len(entries),
                    rows=sum(e.rows for e in entries if e.status == "read"),
                    bytes=data.stat().st_size if data.exists() else 0,
                    needed=next((reason for reason, days in reasons.items() if day in days), None),
                )
            )
    return sorted(found, key=lambda d: (d.delivery_date, d.source, d.dataset))


def prune(settings: Settings, chosen: list[OldDelivery]) -> int:
    """Drop the rows of deliveries from raw, each whole or not at all; give the bytes that are free now.

    Raises:
        WarehouseBusyError: a run is taking deliveries in.
    """
    freed = 0
    with writing_alone(settings):
        for delivery in chosen:
            folder = partition_dir(settings, delivery.source, delivery.dataset, delivery.delivery_date)
            entries = read_manifest(folder).files
            with replacing(folder) as new:
                write_manifest(new, Manifest({name: replace(e, status=PRUNED) for name, e in entries.items()}))
            freed += delivery.bytes
    return freed


def first_day_kept(as_of: date, days: int) -> date:
    """The first of the days that are kept, `as_of` being the last."""
    return as_of - timedelta(days=days - 1)


def _days(con: duckdb.DuckDBPyConnection, query: str, values: list[str] | None = None) -> set[date]:
    return {day for (day,) in con.execute(query, values or []).fetchall() if day is not None}
