"""Rows of the policy tables with their numbers, and the words that every check of them uses.

What belongs here: reading such a file, its days and numbers, which row is in force, the place of a fault, a repeated
row. What does not: what a row means (the stage that reads it).
"""

import csv
from collections.abc import Hashable, Iterable, Sequence
from datetime import date
from math import isfinite
from pathlib import Path
from typing import TypeVar

from orchestration.errors import UserError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Row = tuple[int, dict[str, str]]
"""Number of the row as an editor shows it (the header is row 1) and its values by column; an empty one is ''."""


def read_policy_table(path: Path) -> tuple[list[str], list[Row]]:
    """Read header and rows of a CSV file (UTF-8) in order; blank lines count as rows and are left out.

    Raises:
        UserError: the file is absent, is no CSV in UTF-8, or has a row with more or fewer values than columns.
    """
    if not path.is_file():
        raise UserError(f"The policy table {path} is missing: restore it from the repository.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except UnicodeDecodeError as error:
        raise UserError(f"The policy table {path} is not in UTF-8: save it as CSV UTF-8. ({error.reason})") from error
    except csv.Error as error:
        raise UserError(f"The policy table {path} cannot be read as CSV: {error}.") from error
    header = lines[0] if lines else []
    rows: list[Row] = []
    for number, cells in enumerate(lines[1:], start=2):
        if cells and len(cells) != len(header):
            raise policy_fault(
                path,
                number,
                f"{len(cells)} values for {len(header)} columns: a text that holds a comma stands in double quotes.",
            )
        if cells:
            rows.append((number, dict(zip(header, cells, strict=True))))
    return header, rows


def read_policy_rows(path: Path, columns: Sequence[str] = (), *, strip: bool = False) -> list[Row]:
    """Read the rows of a CSV file (UTF-8) in order.

    Args:
        path: The file.
        columns: Columns that it must have.
        strip: Take blanks around values off, for what only Python reads; dbt reads them as they are.

    Raises:
        UserError: as `read_policy_table`, or a column is missing.
    """
    header, rows = read_policy_table(path)
    absent = [column for column in columns if column not in header]
    if absent:
        raise UserError(
            f"{path.name} has no column {', '.join(absent)}: its first line must name {', '.join(columns)}."
        )
    if not strip:
        return rows
    return [(number, {name: value.strip() for name, value in found.items()}) for number, found in rows]


def newest_in_force(versions: Iterable[tuple[K, date, V]], on: date) -> dict[K, V]:
    """Of several versions of a key the one with the newest `valid_from` not after a day, the last of equal ones.

    Args:
        versions: Key, `valid_from` and what it says.
        on: The day.
    """
    newest: dict[K, tuple[date, V]] = {}
    for key, since, value in versions:
        if since <= on and (key not in newest or since >= newest[key][0]):
            newest[key] = (since, value)
    return {key: value for key, (_, value) in newest.items()}


def policy_fault(path: Path, row: int, message: str) -> UserError:
    """The error that names file and row; the caller raises it."""
    return UserError(f"The policy table {path}, row {row}: {message}")


def policy_day(path: Path, row: int, column: str, text: str) -> date:
    """Read a day.

    Raises:
        UserError: the text is no day written YYYY-MM-DD.
    """
    return read_day(f"The policy table {path}, row {row}", column, text)


def read_day(where: str, column: str, text: str) -> date:
    """Read a day.

    Raises:
        UserError: the text is no day written YYYY-MM-DD; the message begins with `where`.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"{where}: {column} is {text!r}: write a day as YYYY-MM-DD.") from None


def read_number(where: str, column: str, text: str) -> float:
    """Read a number above 0.

    Raises:
        UserError: it is none; the message begins with `where`.
    """
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not isfinite(number) or number <= 0:
        raise UserError(f"{where}: {column} is {text!r}: write a number above 0.")
    return number


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
