"""Rows of the policy tables that cleaning reads, with their numbers, and the words for their faults.

What belongs here: reading a file, a day and a number. What does not: what a row means (`drift_policy.py`,
`scorecard_policy.py`).
"""

import csv
from collections.abc import Sequence
from datetime import date
from math import isfinite
from pathlib import Path

from orchestration.errors import UserError


def read_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Read a policy table: number of the row as an editor shows it, and its values, trimmed; an empty one is ''.

    Raises:
        UserError: the file is missing or no CSV in UTF-8, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = [(n, {k: (v or "").strip() for k, v in row.items() if k}) for n, row in enumerate(reader, start=2)]
            header = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"The policy table {path} cannot be read ({error}). Restore it from the repository.") from error
    absent = [c for c in columns if c not in header]
    if absent:
        raise UserError(
            f"{path.name} has no column {', '.join(absent)}: its first line must name {', '.join(columns)}."
        )
    return rows


def read_day(where: str, text: str) -> date:
    """Read a day of `valid_from`.

    Raises:
        UserError: it is none; the message begins with `where`.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"{where}: valid_from is {text!r}: write a day as YYYY-MM-DD.") from None


def read_number(where: str, name: str, text: str) -> float:
    """Read a number above 0.

    Raises:
        UserError: it is none; the message begins with `where`.
    """
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not isfinite(number) or number <= 0:
        raise UserError(f"{where}: {name} is {text!r}: write a number above 0.")
    return number
