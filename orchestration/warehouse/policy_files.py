"""The policy tables that models read, checked before a run: every value must be of its column's type.

What belongs here: shape and types of `seeds/policy/*.csv` as `warehouse_policies.yml` and `data_quality/policies.yml`
declare them, and what holds for a row of any of them. What does not: what the rules mean (`named_rows.py`,
`scheme_files.py`, …, the models, and where Python reads a policy).
"""

import re
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from math import isfinite
from pathlib import Path

from orchestration.errors import UserError
from orchestration.policy_rows import Row, policy_fault, read_policy_table
from orchestration.warehouse.policy_declaration import DECLARATION, declared_tables

REFERENCES = "warehouse_references.yml"

_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LARGEST_INTEGER = 2**31 - 1
_TRUTH = {"true", "false", "t", "f", "yes", "no", "1", "0"}


def check_policy_files(policy_dir: Path, declaration: str = DECLARATION) -> list[str]:
    """Read every declared policy table and try each value as the type of its column.

    Args:
        policy_dir: The folder of the CSV files and of the declaration.
        declaration: `warehouse_policies.yml`, `warehouse_references.yml` for the folder of reference tables, or the
            path of `data_quality/policies.yml` for the policies that Python reads.

    Returns:
        The names of the tables that were checked.

    Raises:
        UserError: a file is absent or empty, lacks a declared column, has one that is not declared, or holds a value
            that is not of its type, a row without a day or a reason, or blanks around a value; the message names file,
            row (the header is row 1), column and value.
    """
    declared = declared_tables(policy_dir, declaration)
    for seed in declared:
        _check(policy_dir / f"{seed['name']}.csv", seed["config"]["column_types"], declaration)
    return [seed["name"] for seed in declared]


def check_nothing_unread(policy_dir: Path, read: Iterable[str]) -> None:
    """Refuse a policy table that nothing reads: who wrote it takes it to be in force.

    Args:
        policy_dir: The folder of the CSV files.
        read: Names of the tables that the project reads, without `.csv`.

    Raises:
        UserError: a file has another name; the message says which.
    """
    unread = sorted(
        {path.stem for path in policy_dir.glob("*.csv") if not path.name.startswith((".", "~"))} - set(read)
    )
    if unread:
        raise UserError(
            f"Nothing reads the policy table {policy_dir / unread[0]}.csv, so its rules would not be in force: give it "
            "the name of the table it belongs to, or move it to another folder."
        )


def _check(path: Path, types: dict[str, str], declaration: str) -> None:
    columns, rows = read_policy_table(path)
    missing, unknown = [c for c in types if c not in columns], [c for c in columns if c not in types]
    repeated = sorted({c for c in columns if columns.count(c) > 1})
    if missing or unknown or repeated:
        raise UserError(
            f"The policy table {path} has the columns {', '.join(columns)}; missing: {', '.join(missing) or 'none'}, "
            f"not known: {', '.join(unknown) or 'none'}, twice: {', '.join(repeated) or 'none'}. The columns are "
            f"declared in {declaration}."
        )
    if not rows:
        raise UserError(f"The policy table {path} holds no row: restore it from the repository.")
    for column, type_name in types.items():
        _check_column(path, rows, column, type_name)


def _check_column(path: Path, rows: Iterable[Row], column: str, type_name: str) -> None:
    fits = _fits(type_name)
    for row, found in rows:
        value = found[column]
        if value != value.strip():
            raise policy_fault(path, row, f"column {column} has blanks around {value.strip()!r}: take them off.")
        if value and not fits(value):
            raise UserError(
                f"The policy table {path}, row {row}, column {column}: {value!r} is not a {type_name}. "
                "Correct the value and run again."
            )
        if not value and column == "valid_from":
            raise policy_fault(path, row, "valid_from is empty. Write the first day on which it holds: 2026-01-01.")
        if not value and column == "why":
            raise policy_fault(path, row, "why is empty. Say why the row is as it is: somebody will want to change it.")


def _fits(type_name: str) -> Callable[[str], bool]:
    """Whether a text is of a type, in the spelling that everybody who reads the file takes."""
    if found := _DECIMAL.fullmatch(type_name):
        return lambda text: _is_decimal(text, int(found.group(1)), int(found.group(2)))
    tests: dict[str, Callable[[str], bool]] = {
        "varchar": lambda text: "\x00" not in text,
        "integer": lambda text: bool(re.fullmatch(r"-?\d{1,10}", text)) and abs(int(text)) <= _LARGEST_INTEGER,
        "boolean": lambda text: text.lower() in _TRUTH,
        "date": _is_day,
        "double": _is_number,
    }
    return tests[type_name]


def _is_decimal(text: str, digits: int, decimals: int) -> bool:
    """A number that the column holds as it is written: one digit more would be rounded without a word."""
    if not _NUMBER.fullmatch(text):
        return False
    value = Decimal(text)
    return abs(value) < 10 ** (digits - decimals) and round(value, decimals) == value


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return bool(_DAY.fullmatch(text))
