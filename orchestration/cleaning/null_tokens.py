"""Spellings that mean `not given`: the policy table and each column's own list.

What belongs here: which spellings count for which column, and since when. What does not: what a
missing value does to its row (`conform.py`).
"""

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from data_quality.contract import Column, normalise_spelling
from orchestration.database import literal
from orchestration.errors import UserError

_TYPES = {
    "identifier", "text", "name", "phone", "email", "address", "id_card", "date", "timestamp",
    "decimal", "integer", "boolean", "enum",
}  # fmt: skip
_GROUPS = {"any": _TYPES, "not_name": _TYPES - {"name"}, "date": {"date", "timestamp"}}


@dataclass(frozen=True)
class NullToken:
    """One spelling, the column types it counts for, and the first delivery date it counts for."""

    spelling: str
    types: frozenset[str]
    valid_from: date


def load(policy_dir: Path) -> tuple[NullToken, ...]:
    """Read `null_tokens.csv` (`token, applies_to, valid_from, why`).

    `applies_to` is `any`, `not_name`, `date` (dates and times) or a contract type.

    Raises:
        UserError: the file is missing, or a row names no known type or has no valid date.
    """
    path = policy_dir / "null_tokens.csv"
    if not path.exists():
        raise UserError(f"{path} is missing. Restore it from the repository: it says which texts mean `not given`.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return tuple(_token(row, path, number) for number, row in enumerate(csv.DictReader(file), start=2))


def said(tokens: tuple[NullToken, ...]) -> list[tuple[str, list[str], date]]:
    """What the tokens say, in an order that does not depend on the process."""
    return sorted((token.spelling, sorted(token.types), token.valid_from) for token in tokens)


def _token(row: dict[str, str], path: Path, number: int) -> NullToken:
    where = f"{path.name}, line {number}"
    applies_to = (row.get("applies_to") or "").strip()
    types = _GROUPS.get(applies_to, {applies_to} & _TYPES)
    if not types:
        known = ", ".join(sorted(_TYPES | _GROUPS.keys()))
        raise UserError(f"{where}: applies_to {applies_to!r} is not known. Use one of: {known}.")
    try:
        valid_from = date.fromisoformat((row.get("valid_from") or "").strip())
    except ValueError:
        raise UserError(f"{where}: valid_from {row.get('valid_from')!r} is no date. Write it as YYYY-MM-DD.") from None
    return NullToken(normalise_spelling(row.get("token") or ""), frozenset(types), valid_from)


def is_null(text: str, delivery_date: str, column: Column, tokens: tuple[NullToken, ...]) -> str:
    """SQL that says whether folded text is empty or means `not given` in this column.

    Args:
        text: SQL of the text, folded by `typing_sql.folded` or trimmed.
        delivery_date: SQL of the delivery date; a token counts for deliveries since its `valid_from`.
        column: The column's promise; its `empty_values` count for every delivery.
        tokens: The policy table.
    """
    since: dict[date, set[str]] = defaultdict(set)
    for written in column.empty_values:
        since[date.min].add(normalise_spelling(written))
    for token in tokens:
        if column.type in token.types:
            since[token.valid_from].add(token.spelling)
    conditions = [f"{text} = ''"]
    for start, spellings in sorted(since.items()):
        # One automaton instead of a list of constants, which DuckDB would turn into a join for each column.
        words = "|".join(re.escape(spelling).replace(r"\ ", " +") for spelling in sorted(spellings) if spelling)
        condition = f"regexp_full_match({text}, {literal(f'(?i)(?:{words})')})"
        valid = "" if start == date.min else f" and {delivery_date} >= date {literal(start.isoformat())}"
        conditions.append(f"({condition}{valid})" if words else "false")
    return " or ".join(conditions)
