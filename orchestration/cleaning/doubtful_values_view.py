"""Doubtful values as a person sees and decides them, at the terminal or in a spreadsheet.

What belongs here: listing, masking, and turning choices into decisions that can be carried out. What does not: which
values are doubtful and how a decision binds a run (`doubtful_values.py`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from data_quality.contract import Contract, load_contracts
from data_quality.results import mask
from orchestration.cleaning.decision_files import read_day, read_rows
from orchestration.cleaning.doubtful_values import (
    VERDICTS,
    ValueDecision,
    Verdict,
    append_decisions,
    read_decisions,
    typed_value,
)
from orchestration.cleaning.quarantine_view import masked_value
from orchestration.database import table_exists
from orchestration.errors import UserError
from orchestration.settings import Settings
from orchestration.spreadsheet_cells import write_to_fill_in

_EXPORTED = ("doubt_id", "source", "dataset", "column_name", "record_key", "value_masked", "rule", "rows")
_TO_FILL_IN = ("decision", "corrected_value", "decided_by", "decided_on", "why")


@dataclass(frozen=True)
class Doubt:
    """One row of `quality.doubtful_values`; `value` is never shown where it is personal."""

    doubt_id: str
    source: str
    dataset: str
    column_name: str
    record_key: str
    rule: str | None
    rows: int
    delivery_date: date | None
    status: str
    decided_on: date | None
    value: str = field(repr=False)

    @property
    def contract(self) -> Contract | None:
        """The contract of its dataset."""
        return load_contracts().get(f"{self.source}_{self.dataset}")

    @property
    def shown(self) -> str:
        """The value as it may be shown; of a personal date the year."""
        column = self.contract.columns.get(self.column_name) if self.contract else None
        if column is not None and column.personal and column.type == "date":
            return f"{self.value[:4]}-**-**"
        if column is not None and not column.personal and column.type in ("date", "timestamp", "decimal", "integer"):
            return self.value
        return masked_value(self.contract, self.column_name, self.value)

    def as_data(self) -> dict[str, Any]:
        """Everything that may be shown."""
        data = {name: value for name, value in asdict(self).items() if name != "value"}
        return data | {"record_key": mask(self.record_key), "value_masked": self.shown}


def doubts(
    con: duckdb.DuckDBPyConnection,
    *,
    status: str | None = "open",
    limit: int | None = None,
    doubt_id: str | None = None,
) -> list[Doubt]:
    """The doubts with a status (None: all), those that touch most rows first.

    Raises:
        UserError: the warehouse has no such table yet.
    """
    if not table_exists(con, "quality", "doubtful_values"):
        raise UserError("No value was looked at yet: run `c360 refresh` first.")
    rows = con.execute(
        """
        select doubt_id, source, dataset, column_name, record_key, rule, rows, delivery_date, status, decided_on, value
        from quality.doubtful_values
        where ($status is null or status = $status) and ($doubt_id is null or doubt_id = $doubt_id)
        order by rows desc, source, dataset, column_name, doubt_id
        limit $limit""",
        {"status": status, "doubt_id": doubt_id, "limit": limit if limit is not None else 2**40},
    ).fetchall()
    return [Doubt(*row) for row in rows]


def decide(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    doubt_id: str,
    verdict: str,
    *,
    corrected_value: str = "",
    by: str,
    on: date,
    why: str,
) -> Doubt:
    """Write down what a person decided about a doubt; it binds from the next run on.

    Raises:
        UserError: there is no such doubt or verdict, or the corrected value cannot be read.
    """
    doubt, decision = _judged(con, settings, doubt_id, verdict, corrected_value, by, on, why)
    append_decisions(settings, [decision])
    return doubt


def export_doubts(con: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Write the open doubts as CSV to decide in a spreadsheet, values masked; give their number.

    Raises:
        UserError: the file cannot be written.
    """
    shown = (doubt.as_data() for doubt in doubts(con))
    rows = ([data[name] for name in _EXPORTED] for data in shown)
    return write_to_fill_in(path, [*_EXPORTED, *_TO_FILL_IN], rows)


def import_decisions(con: duckdb.DuckDBPyConnection, settings: Settings, path: Path) -> int:
    """Take in the decisions of a filled-in export, all or none; give the number of new ones.

    Rows without a decision stay open; a decision that is in force already is not written again.

    Raises:
        UserError: the file is missing, or a row holds a decision that cannot be used; the message names it.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}: `c360 doubtful list --export {path}` writes one to fill in.")
    in_force = read_decisions(settings)
    new: list[ValueDecision] = []
    for number, row in read_rows(path, ("doubt_id", *_TO_FILL_IN)):
        if not row["decision"]:
            continue
        for name in ("decided_by", "why"):
            if not row[name]:
                raise UserError(f"{path} row {number}: {name} is empty; fill it in.")
        on = read_day(path, number, "decided_on", row["decided_on"])
        try:
            _, decision = _judged(
                con,
                settings,
                row["doubt_id"],
                row["decision"].lower(),
                row["corrected_value"],
                row["decided_by"],
                on,
                row["why"],
            )
        except UserError as error:
            raise UserError(f"{path} row {number}: {error}") from error
        if in_force.get(decision.subject) != decision:
            new.append(decision)
    append_decisions(settings, new)
    return len(new)


def _judged(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    doubt_id: str,
    verdict: str,
    corrected_value: str,
    by: str,
    on: date,
    why: str,
) -> tuple[Doubt, ValueDecision]:
    chosen: Verdict | None = next((v for v in VERDICTS if v == verdict), None)
    if chosen is None:
        raise UserError(f"{verdict!r} is no decision: write {', '.join(VERDICTS)}.")
    found = doubts(con, status=None, doubt_id=doubt_id)
    if not found:
        raise UserError(f"There is no doubt {doubt_id!r}: `c360 doubtful list --all` shows them.")
    doubt = found[0]
    if (chosen == "correct") != bool(corrected_value):
        raise UserError("A correct value must be given with `correct`, and with no other decision.")
    if chosen == "correct":
        contract = doubt.contract
        read = typed_value(contract, doubt.column_name, corrected_value, settings.timezone) if contract else None
        if contract is None or read is None:
            raise UserError(
                f"The corrected value cannot be read as {doubt.column_name} of {doubt.source}/{doubt.dataset}"
                f"{_choices(contract, doubt.column_name)}. Write it as the source should have."
            )
    return doubt, ValueDecision(
        source=doubt.source,
        dataset=doubt.dataset,
        column=doubt.column_name,
        record_key=doubt.record_key,
        value=doubt.value,
        verdict=chosen,
        corrected_value=corrected_value,
        decided_by=by,
        decided_on=on,
        why=why,
    )


def _choices(contract: Contract | None, column: str) -> str:
    values: Sequence[str] = list(contract.columns[column].values) if contract else []
    return f" (one of {', '.join(values)})" if values else ""
