"""How personal data is recognised in tables that must not hold it.

What belongs here: reading the patterns and building the SQL of the scan. What does not: the patterns themselves
(`seeds/policy/personal_data_patterns.csv`), and the columns that are masked on the way (cleaning, marts).
"""

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from data_quality.contract import load_contracts

PATTERNS_FILE = Path(__file__).resolve().parent.parent / "seeds" / "policy" / "personal_data_patterns.csv"

ColumnClass = Literal["text", "identifier"]


@dataclass(frozen=True)
class Pattern:
    """One way personal data is written."""

    kind: str
    applies_to: ColumnClass
    regex: str


def load_patterns(path: Path = PATTERNS_FILE) -> list[Pattern]:
    """Read the patterns; every one must be a regular expression that DuckDB (RE2) takes.

    Raises:
        ValueError: a row has an unknown `applies_to` or a broken expression; the message names file and row.
    """
    patterns: list[Pattern] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            applies_to = row["applies_to"]
            if applies_to != "text" and applies_to != "identifier":
                raise ValueError(
                    f"{path.name} row {number}: applies_to is {applies_to!r}; write `text` or `identifier`"
                )
            try:
                duckdb.execute("select regexp_matches('', ?)", [row["regex"]])
            except duckdb.Error as error:
                raise ValueError(f"{path.name} row {number}: {row['regex']!r} cannot be read: {error}") from error
            patterns.append(Pattern(row["kind"], "text" if applies_to == "text" else "identifier", row["regex"]))
    return patterns


def redacted_sql(expression: str) -> str:
    """SQL of a text with every number, mailbox and ID card in it replaced by stars; NULL stays NULL.

    For free text that anybody may write and nobody models, such as file names: a phone number in one must neither be
    published nor stop the publication.
    """
    patterns = [p.regex for p in load_patterns() if p.applies_to == "text"]
    text = expression
    # Twice, because a pattern takes the character beside the number with it, and two numbers may share one.
    for regex in [*patterns, *patterns]:
        text = f"regexp_replace({text}, {_literal(regex)}, '***', 'g')"
    return text


def is_identifier(column: str) -> bool:
    """Whether a column names things (`order_id`, `sku`) and so may hold long numbers of any shape.

    An order number of 11 or 18 digits is no phone and no ID card; what looks like one there is a warning.
    """
    declared = {n for c in load_contracts().values() for n, k in c.columns.items() if k.type == "identifier"}
    return column in declared or column.endswith(("_id", "_key"))


def scan_sql(columns: Sequence[tuple[str, str, str, str]], column_class: ColumnClass) -> str | None:
    """SQL that returns `table_name, column_name, kind, row_count` for each column that holds personal data.

    A value that fits several patterns counts once, as the first of them.

    Args:
        columns: Schema, table, column and type of every column of the tables to scan.
        column_class: Which columns to look at.

    Returns:
        One statement that passes once over each table, or None where no column is of that class.
    """
    patterns = [p for p in load_patterns() if p.applies_to == column_class]
    tables: dict[tuple[str, str], list[str]] = {}
    for schema, table, column, data_type in columns:
        if "VARCHAR" in data_type.upper() and (is_identifier(column) == (column_class == "identifier")):
            tables.setdefault((schema, table), []).append(column)
    if not tables or not patterns:
        return None
    # One expression for all patterns sorts out nearly every value in one look; only what is left is told apart.
    any_pattern = _literal("|".join(f"(?:{p.regex})" for p in patterns))
    parts: list[str] = []
    for (schema, table), names in tables.items():
        counts: list[str] = []
        rows: list[str] = []
        for position, name in enumerate(names):
            text = f"cast({_quoted(name)} as varchar)"
            kinds = " ".join(
                f"when regexp_matches({text}, {_literal(p.regex)}) then {_literal(p.kind)}" for p in patterns
            )
            counts.append(
                f"histogram(case when regexp_matches({text}, {any_pattern}) then case {kinds} end end) as h{position}"
            )
            rows.append(f"{{'column_name': {_literal(name)}, 'found': map_entries(h{position})}}")
        parts.append(
            f"select {_literal(f'{schema}.{table}')} as table_name, unnest([{', '.join(rows)}]) as by_column "
            f"from (select {', '.join(counts)} from {_quoted(schema)}.{_quoted(table)})"
        )
    return (
        "select table_name, column_name, entry.key as kind, entry.value as row_count from (select table_name, "
        f"by_column.column_name as column_name, unnest(by_column.found) as entry from ({' union all '.join(parts)}))"
    )


def declared_sql(columns: Sequence[tuple[str, str, str, str]], personal: Collection[str]) -> str | None:
    """SQL that returns `table_name, column_name, kind, row_count` for each column that a contract declares personal.

    Args:
        columns: Schema, table, column and type of every column of the tables to look at.
        personal: Names of columns that hold personal data.

    Returns:
        One statement, or None where no column has such a name.
    """
    named = [(schema, table, column) for schema, table, column, _ in columns if column in personal]
    parts = [
        f"select {_literal(f'{schema}.{table}')} as table_name, {_literal(column)} as column_name, 'declared' as kind, "
        f"count({_quoted(column)}) as row_count from {_quoted(schema)}.{_quoted(table)}"
        for schema, table, column in named
    ]
    return f"select * from ({' union all '.join(parts)}) where row_count > 0" if parts else None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
