"""What differs between two databases, table by table and column by column, without telling a value.

What belongs here: comparing what two runs left behind. What does not: running them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.database import identifier, literal

ONLY_IN_FIRST = "is in the first only"


@dataclass(frozen=True)
class Difference:
    """One table that is not the same in both; no value of a row, so that it can be logged."""

    table: str
    what: str

    def __str__(self) -> str:
        return f"{self.table}: {self.what}"


@dataclass(frozen=True)
class NotCompared:
    """What of a table tells of the run and not of the data: columns, and the rows of a condition."""

    columns: frozenset[str] = frozenset()
    rows: str = "false"


def differences(
    one: Path, other: Path, *, views: bool, not_compared: Mapping[str, NotCompared] | None = None
) -> list[Difference]:
    """Compare every table of two DuckDB files, row for row, whatever order the rows lie in.

    Args:
        one: A DuckDB file, opened read-only.
        other: The file to compare it with.
        views: Whether to compare the views too; those of a working database are bound to its name.
        not_compared: What to leave out, by `schema.table`.

    Returns:
        One finding per table that is missing on a side, has other columns, or other rows; it names how many rows and
        which columns differ.
    """
    with duckdb.connect() as con:
        for name, file in (("one", one), ("other", other)):
            con.execute(f"attach {literal(str(file))} as {name} (read_only)")
        sides = [_tables(con, name, views) for name in ("one", "other")]
        found = [Difference(table, ONLY_IN_FIRST) for table in sorted(sides[0].keys() - sides[1].keys())]
        found += [Difference(table, "is in the second only") for table in sorted(sides[1].keys() - sides[0].keys())]
        for table in sorted(sides[0].keys() & sides[1].keys()):
            columns = [side[table] for side in sides]
            if columns[0] != columns[1]:
                found.append(Difference(table, f"has other columns: {sorted(set(columns[0]) ^ set(columns[1]))}"))
                continue
            left_out = (not_compared or {}).get(table, NotCompared())
            names = [name for name, _ in columns[0] if name not in left_out.columns]
            found += _of_rows(con, table, names, left_out.rows)
    return found


def _tables(con: duckdb.DuckDBPyConnection, catalog: str, views: bool) -> dict[str, list[tuple[str, str]]]:
    """Columns (name, type) of each table, by `schema.table`."""
    rows = con.execute(
        "select schema_name || '.' || table_name, list((column_name, data_type) order by column_index) "
        "from duckdb_columns() as of_table where database_name = $catalog and not internal and ($views or not exists "
        "(from duckdb_views() as v where v.database_name = $catalog and v.view_oid = of_table.table_oid)) group by 1",
        {"catalog": catalog, "views": views},
    ).fetchall()
    return {table: [(name, data_type) for name, data_type in columns] for table, columns in rows}


def _of_rows(con: duckdb.DuckDBPyConnection, table: str, names: list[str], left_out: str) -> Iterator[Difference]:
    """Compare two tables of the same columns as bags of rows."""
    schema, name = table.split(".", 1)
    columns = ", ".join(identifier(column) for column in names)
    rows = f"select {columns} from {identifier(schema)}.{identifier(name)} where not coalesce({left_out}, false)"
    checksums = []
    for side in ("one", "other"):
        con.execute(f"use {side}")  # a view finds its tables by schema and name
        checksums.append(con.execute(f"select count(*), sum(hash(found)::hugeint) from ({rows}) as found").fetchall())
    if checksums[0] == checksums[1]:
        return
    for side in ("one", "other"):
        con.execute(f"use {side}")
        con.execute(f"create or replace temp table of_{side} as {rows}")
    for side, against in (("one", "other"), ("other", "one")):
        con.execute(f"create or replace temp table only_{side} as from of_{side} except all from of_{against}")
    counts = [con.execute(f"select count(*) from only_{side}").fetchall()[0][0] for side in ("one", "other")]
    # Only among the rows that differ: a column whose values are the same there, as a bag, is not the one at fault.
    at_fault = []
    for column in names:
        value = f"select {identifier(column)} from only_{{}}"
        differing = con.execute(
            f"select greatest((select count(*) from ({value.format('one')} except all {value.format('other')})), "
            f"(select count(*) from ({value.format('other')} except all {value.format('one')})))"
        ).fetchall()[0][0]
        if differing:
            at_fault.append(f"{column} ({differing})")
    yield Difference(
        table,
        f"{counts[0]} rows are in the first only, {counts[1]} in the second only; columns that differ (rows): "
        + (", ".join(at_fault) or "none alone, values belong to other rows"),
    )
