"""Rows of a policy table with their numbers, for the checks before a run.

What belongs here: reading such a file and the declaration of all of them, and what every check says in the same words:
the place of a fault, a bad day, a repeated row. What does not: what a row means (`audience_files.py`, `kpi_files.py`,
`named_rows.py`, `scheme_files.py` …).
"""

import csv
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import UserError

DECLARATION = "warehouse_policies.yml"

Row = tuple[int, dict[str, str]]
"""Number of the row as an editor shows it (the header is row 1) and its values by column; an empty one is ''."""


class _EachKeyOnce(yaml.CSafeLoader):
    """YAML in which a key that stands twice is an error: the last one would win, and nobody would know."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        repeated = [key for key in keys if keys.count(key) > 1]
        if repeated:
            raise yaml.constructor.ConstructorError(
                problem=f"the key {repeated[0]!r} stands twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def declared_tables(policy_dir: Path, declaration: str = DECLARATION) -> list[dict[str, Any]]:
    """What the declaration says of each table that models read: `name`, `config` with `column_types` and `meta`.

    Raises:
        UserError: the file is absent or no YAML, or a key stands twice; the message says where.
    """
    path = policy_dir / declaration
    try:
        tables = _seeds(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"The declaration {path} is missing: restore it from the repository.") from error
    except yaml.YAMLError as error:
        raise UserError(f"The declaration {path} cannot be read: {error}") from error
    names = [table["name"] for table in tables]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(f"The declaration {path} holds {repeated[0]} twice: join the two.")
    return tables


@lru_cache(maxsize=4)
def _seeds(text: str) -> list[dict[str, Any]]:
    """The declared tables; every check reads the same text, and parsing it costs more than checking."""
    seeds: list[dict[str, Any]] = yaml.load(text, _EachKeyOnce)["seeds"]  # noqa: S506 - a safe loader
    return seeds


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


def read_policy_rows(path: Path, *, strip: bool = False) -> list[Row]:
    """Read the rows of a CSV file (UTF-8) in order; `strip` takes blanks around values off."""
    _, rows = read_policy_table(path)
    if not strip:
        return rows
    return [(number, {name: value.strip() for name, value in found.items()}) for number, found in rows]


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
