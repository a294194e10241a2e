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
TableColumn = tuple[str, str, str, str]  # schema, table, column, type

# A column repeats itself where each value stands on so many of the first rows of its table.
_SAMPLE = 20_000
_REPEATED = 4


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


def redacted_sql(expression: str, patterns: Sequence[Pattern] | None = None) -> str:
    """SQL of a text with every number, mailbox and ID card in it replaced by stars; NULL stays NULL.

    For free text that anybody may write and nobody models, such as file names: a phone number in one must neither be
    published nor stop the publication. `patterns` are those of the policy, read when they are not given.
    """
    regexes = [p.regex for p in (load_patterns() if patterns is None else patterns) if p.applies_to == "text"]
    if not regexes:
        return expression
    text = expression
    # Twice, because a pattern takes the character beside the number with it, and two numbers may share one.
    for regex in [*regexes, *regexes]:
        text = f"regexp_replace({text}, {_literal(regex)}, '***', 'g')"
    # Nearly no text holds any: one look sorts them out.
    any_pattern = "|".join(f"(?:{regex})" for regex in regexes)
    return f"case when regexp_matches({expression}, {_literal(any_pattern)}) then {text} else {expression} end"


def is_identifier(column: str) -> bool:
    """Whether a column names things (`order_id`, `sku`) and so may hold long numbers of any shape.

    An order number of 11 or 18 digits is no phone and no ID card; what looks like one there is a warning. A
    `dimension_value` repeats tiers, channels and numbers of agents: an agent who goes by a mailbox is published as
    `agent_id` beside it, and must not stop the publication there. Free text never gets so far: staging redacts it.
    """
    declared = {n for c in load_contracts().values() for n, k in c.columns.items() if k.type == "identifier"}
    return column in declared or column == "dimension_value" or column.endswith(("_id", "_key"))


def scan_sql(
    columns: Sequence[TableColumn], column_class: ColumnClass, repeating: Collection[tuple[str, str, str]] = ()
) -> str | None:
    """SQL that returns `table_name, column_name, kind, row_count` for each column that holds personal data.

    A value that fits several patterns counts once, as the first of them.

    Args:
        columns: Schema, table, column and type of every column of the tables to scan.
        column_class: Which columns to look at.
        repeating: Schema, table and name of columns (`repeating_columns`) whose distinct values are looked at instead
            of each row; what is found is the same.

    Returns:
        One statement, or None where no column is of that class.
    """
    patterns = [p for p in load_patterns() if p.applies_to == column_class]
    looked_at = [c for c in columns if _is_text(c) and is_identifier(c[2]) == (column_class == "identifier")]
    if not looked_at or not patterns:
        return None
    # One expression for all patterns sorts out nearly every value in one look; only what is left is told apart.
    any_pattern = _literal("|".join(f"(?:{p.regex})" for p in patterns))

    def kind_of(text: str) -> str:
        kinds = " ".join(f"when regexp_matches({text}, {_literal(p.regex)}) then {_literal(p.kind)}" for p in patterns)
        return f"case {kinds} end"

    by_row: dict[tuple[str, str], list[str]] = {}
    parts: list[str] = []
    for schema, table, name, _ in looked_at:
        if (schema, table, name) not in repeating:
            by_row.setdefault((schema, table), []).append(name)
            continue
        parts.append(
            f"select {_literal(f'{schema}.{table}')} as table_name, {_literal(name)} as column_name, "
            f"{kind_of('value')} as kind, cast(sum(occurrences) as ubigint) as row_count from (select {_quoted(name)} "
            f"as value, count(*) as occurrences from {_quoted(schema)}.{_quoted(table)} group by {_quoted(name)}) "
            f"where regexp_matches(value, {any_pattern}) group by kind"
        )
    for (schema, table), names in by_row.items():
        counts: list[str] = []
        rows: list[str] = []
        for position, name in enumerate(names):
            text = f"cast({_quoted(name)} as varchar)"
            counts.append(
                f"histogram(case when regexp_matches({text}, {any_pattern}) then {kind_of(text)} end) as h{position}"
            )
            rows.append(f"{{'column_name': {_literal(name)}, 'found': map_entries(h{position})}}")
        parts.append(
            f"select {_literal(f'{schema}.{table}')} as table_name, by_column.column_name as column_name, "
            "entry.key as kind, entry.value as row_count from (select by_column, unnest(by_column.found) as entry "
            f"from (select unnest([{', '.join(rows)}]) as by_column "
            f"from (select {', '.join(counts)} from {_quoted(schema)}.{_quoted(table)})))"
        )
    return " union all ".join(parts)


def repeating_columns_sql(columns: Sequence[TableColumn]) -> str | None:
    """SQL that returns `schema_name, table_name, column_name` of text columns that say the same again and again.

    Told from the first rows of each table; one with fewer is left out. DuckDB keeps such a column as a dictionary, and
    groups it at a tenth of what a regular expression on every row costs.
    """
    tables: dict[tuple[str, str], list[str]] = {}
    for schema, table, name, data_type in columns:
        if data_type.upper() == "VARCHAR":
            tables.setdefault((schema, table), []).append(name)
    parts = [
        f"select {_literal(schema)} as schema_name, {_literal(table)} as table_name, unnest(["
        + ", ".join(
            f"case when approx_count_distinct({_quoted(name)}) < count(*) / {_REPEATED} then {_literal(name)} end"
            for name in names
        )
        + f"]) as column_name from (select * from {_quoted(schema)}.{_quoted(table)} limit {_SAMPLE}) "
        f"having count(*) = {_SAMPLE}"
        for (schema, table), names in tables.items()
    ]
    return f"select * from ({' union all '.join(parts)}) where column_name is not null" if parts else None


def declared_sql(columns: Sequence[TableColumn], personal: Collection[str]) -> str | None:
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


def _is_text(column: TableColumn) -> bool:
    return "VARCHAR" in column[3].upper()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
