"""Rows of a policy table with their numbers, for the checks before a run.

What belongs here: reading such a file, and what every check says in the same words: the place of a fault, a bad day, a
repeated row. What does not: what a row means (`audience_files.py`, `kpi_files.py`, `scheme_files.py` …).
"""

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from orchestration.errors import UserError

Row = tuple[int, dict[str, str]]
"""Number of the row as an editor shows it (the header is row 1) and its values by column; an empty one is ''."""


def read_policy_rows(path: Path, *, strip: bool = False) -> list[Row]:
    """Read the rows of a CSV file (UTF-8) in order; `strip` takes blanks around values off."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            (
                number,
                {
                    name: (value or "").strip() if strip else value or ""
                    for name, value in found.items()
                    # Cells beyond the header stand under None.
                    if isinstance(name, str)
                },
            )
            for number, found in enumerate(csv.DictReader(file), start=2)
        ]


def policy_fault(path: Path, row: int, message: str) -> UserError:
    """The error that names file and row; the caller raises it."""
    return UserError(f"The policy table {path}, row {row}: {message}")


def policy_day(path: Path, row: int, column: str, text: str) -> date:
    """Read a day.

    Raises:
        UserError: the text is no day written YYYY-MM-DD.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise policy_fault(path, row, f"{column} is {text!r}: write a day as YYYY-MM-DD.") from None


def first_repeat(rows: Iterable[Row], key: Iterable[str]) -> tuple[int, int, tuple[str, ...]] | None:
    """The first row whose key an earlier one has: its number, the earlier one's, and the key; None without one."""
    columns = tuple(key)
    seen: dict[tuple[str, ...], int] = {}
    for number, found in rows:
        values = tuple(found[column] for column in columns)
        if values in seen:
            return number, seen[values], values
        seen[values] = number
    return None
