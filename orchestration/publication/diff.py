"""What differs between two published versions: tables, customers, tiers and KPIs.

What belongs here: reading both files side by side and counting. What does not: printing it (`versions_cli.py`), and
which versions there are (`versions.py`).

Both files are published, so nothing here is personal; a version that lacks a table is compared without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.database import identifier, literal, reading_published
from orchestration.gates.conservation import BEFORE_TO_AFTER_MERGE
from orchestration.publication.versions import Version


@dataclass(frozen=True)
class _OfTheRun:
    """What a table tells of the run rather than of the data: some columns, or the rows of a condition."""

    columns: frozenset[str] = frozenset()
    rows: str = "false"


# The same input run twice has other values here, and nothing of a customer's differs.
_OF_THE_RUN = {
    "quality.check_results": _OfTheRun(rows="true"),
    # Merges are counted against the version before; the same data published once more has none.
    "quality.conservation": _OfTheRun(rows=f"hop = {literal(BEFORE_TO_AFTER_MERGE)}"),
    "quality.delivery_files": _OfTheRun(columns=frozenset({"ingested_at"})),
}


@dataclass(frozen=True)
class TableChange:
    """One table of either version; `rows` are None where the version has no such table.

    What tells of the run alone (`_OF_THE_RUN`) is neither counted nor compared. `content_changed` is None where it
    cannot be compared: the table or its columns are not the same.
    """

    table: str
    rows_before: int | None
    rows_after: int | None
    content_changed: bool | None
    columns_added: list[str]
    columns_removed: list[str]
    columns_retyped: list[str]

    @property
    def changed(self) -> bool:
        """Whether anything about the table differs."""
        schema = self.columns_added or self.columns_removed or self.columns_retyped
        return bool(schema) or self.rows_before != self.rows_after or self.content_changed is not False


@dataclass(frozen=True)
class TierMove:
    """How many customers of both versions went from one tier of a scheme to another."""

    scheme: str
    tier_before: str | None
    tier_after: str | None
    customers: int


@dataclass(frozen=True)
class KpiChange:
    """A KPI over all, on the newest day of each version, where its value or status differs."""

    kpi: str
    value_before: float | None
    value_after: float | None
    status_before: str | None
    status_after: str | None


@dataclass(frozen=True)
class CustomerChange:
    """Customers of both versions: `gone` is `merged` into another customer plus `retired`."""

    before: int
    after: int
    new: int
    gone: int
    merged: int
    retired: int
    net_revenue_before: float | None
    net_revenue_after: float | None


@dataclass(frozen=True)
class VersionDiff:
    """Everything that `compare` finds; only what differs, but for `customers`."""

    before: str
    after: str
    as_of_before: date
    as_of_after: date
    tables: list[TableChange]
    customers: CustomerChange
    tier_moves: list[TierMove]
    kpis: list[KpiChange]

    @property
    def same(self) -> bool:
        """Whether both hold the same, records of the runs aside."""
        return not self.tables


def compare(before: Version, after: Version) -> VersionDiff:
    """Compare two published versions, from the one to the other."""
    with _side_by_side(before.file, after.file) as con:
        tables = [change for change in _tables(con) if change.changed]
        return VersionDiff(
            before=before.id,
            after=after.id,
            as_of_before=before.manifest.as_of,
            as_of_after=after.manifest.as_of,
            tables=tables,
            customers=_customers(con),
            tier_moves=_tier_moves(con),
            kpis=_kpis(con),
        )


def content_checksums(file: Path) -> dict[str, str]:
    """A checksum of the rows of every table of a published file, whatever their order.

    Two files with the same checksums hold the same rows. What tells of the run rather than of the data (`_OF_THE_RUN`)
    is left out.
    """
    with _side_by_side(file) as con:
        return {
            table: _checksum(con, "before", table, list(columns)) for table, columns in _columns(con, "before").items()
        }


@contextmanager
def _side_by_side(before: Path, after: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect(":memory:")
    try:
        con.execute("set enable_progress_bar = false")
        for name, file in (("before", before), ("after", after)):
            if file is not None:
                with reading_published(file):
                    con.execute(f"attach {literal(str(file))} as {name} (read_only)")
        yield con
    finally:
        con.close()


def _columns(con: duckdb.DuckDBPyConnection, side: str) -> dict[str, dict[str, str]]:
    """Columns with their types by table (`schema.table`); views say nothing that their tables do not."""
    found: dict[str, dict[str, str]] = {}
    for schema, table, column, data_type in con.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "semi join duckdb_tables() using (database_name, schema_name, table_name) "
        "where database_name = ? and not internal order by 1, 2, column_index",
        [side],
    ).fetchall():
        found.setdefault(f"{schema}.{table}", {})[column] = data_type
    return found


def _content(side: str, table: str) -> str:
    """SQL of a table and the condition that leaves out the rows of the run."""
    schema, name = table.split(".", 1)
    left_out = _OF_THE_RUN.get(table, _OfTheRun()).rows
    return f"{side}.{identifier(schema)}.{identifier(name)} where not ({left_out})"


def _rows(con: duckdb.DuckDBPyConnection, side: str, table: str) -> int:
    counted = con.execute(f"select count(*) from {_content(side, table)}").fetchone()
    return int(counted[0]) if counted else 0


def _checksum(con: duckdb.DuckDBPyConnection, side: str, table: str, columns: list[str]) -> str:
    """Rows and the sum of their hashes; a sum and not an exclusive or, in which a doubled row would vanish."""
    left_out = _OF_THE_RUN.get(table, _OfTheRun()).columns
    listed = ", ".join(identifier(column) for column in sorted({*columns} - left_out))
    found = con.execute(
        f"select count(*), coalesce(sum(hash({listed})::hugeint), 0) from {_content(side, table)}"
    ).fetchone()
    rows, total = found or (0, 0)
    return f"{rows}:{total}"


def _tables(con: duckdb.DuckDBPyConnection) -> Iterator[TableChange]:
    before, after = _columns(con, "before"), _columns(con, "after")
    for table in sorted({*before, *after}):
        old, new = before.get(table), after.get(table)
        if old is None or new is None:
            yield TableChange(
                table,
                None if old is None else _rows(con, "before", table),
                None if new is None else _rows(con, "after", table),
                None,
                list(new or []),
                list(old or []),
                [],
            )
            continue
        added, removed = [c for c in new if c not in old], [c for c in old if c not in new]
        retyped = [f"{c}: {old[c]} to {new[c]}" for c in old if c in new and old[c] != new[c]]
        same_shape = not (added or removed or retyped)
        yield TableChange(
            table,
            _rows(con, "before", table),
            _rows(con, "after", table),
            (
                _checksum(con, "before", table, list(old)) != _checksum(con, "after", table, list(new))
                if same_shape
                else None
            ),
            added,
            removed,
            retyped,
        )


def _both_have(con: duckdb.DuckDBPyConnection, table: str, *columns: str) -> bool:
    return all({*columns} <= {*_columns(con, side).get(table, {})} for side in ("before", "after"))


def _customers(con: duckdb.DuckDBPyConnection) -> CustomerChange:
    if not _both_have(con, "marts.customer_360", "customer_id"):
        return CustomerChange(0, 0, 0, 0, 0, 0, None, None)
    redirects = "select null::varchar as old_customer_id, null::varchar as customer_id where false"
    if {"old_customer_id", "customer_id"} <= {*_columns(con, "after").get("identity.id_redirects", {})}:
        redirects = "select old_customer_id, customer_id from after.identity.id_redirects"
    revenue = _both_have(con, "marts.customer_360", "net_revenue")
    total = "(select sum(net_revenue)::double from {side}.marts.customer_360)" if revenue else "null::double"
    found = con.execute(
        f"""
        with redirects as ({redirects}),
        gone as (
            select old.customer_id, any_value(redirects.customer_id) as merged_into
            from before.marts.customer_360 as old
            anti join after.marts.customer_360 as new on old.customer_id = new.customer_id
            left join redirects on old.customer_id = redirects.old_customer_id
            group by all
        ),
        new as (
            select new.customer_id from after.marts.customer_360 as new
            anti join before.marts.customer_360 as old on old.customer_id = new.customer_id
        )
        select
            (select count(*) from before.marts.customer_360), (select count(*) from after.marts.customer_360),
            (select count(*) from new), (select count(*) from gone), (select count(merged_into) from gone),
            (select count(*) - count(merged_into) from gone),
            {total.format(side="before")}, {total.format(side="after")}"""
    ).fetchone()
    if found is None:
        raise RuntimeError("An aggregate query gave no row.")
    return CustomerChange(*found)


def _tier_moves(con: duckdb.DuckDBPyConnection) -> list[TierMove]:
    if not _both_have(con, "marts.customer_segments", "customer_id", "scheme", "tier"):
        return []
    return [
        TierMove(*row)
        for row in con.execute(
            """
            select old.scheme, old.tier as tier_before, new.tier as tier_after, count(*) as customers
            from before.marts.customer_segments as old
            join after.marts.customer_segments as new
                on old.customer_id = new.customer_id and old.scheme = new.scheme
            where old.tier is distinct from new.tier
            group by all
            order by old.scheme, customers desc, tier_before, tier_after"""
        ).fetchall()
    ]


def _kpis(con: duckdb.DuckDBPyConnection) -> list[KpiChange]:
    if not _both_have(con, "marts.kpi_daily", "kpi", "as_of", "dimension", "value", "status"):
        return []
    newest = """
        select kpi, value::double as value, status from {side}.marts.kpi_daily
        where dimension = 'all' qualify row_number() over (partition by kpi order by as_of desc) = 1"""
    return [
        KpiChange(*row)
        for row in con.execute(
            f"""
            with old as ({newest.format(side="before")}), new as ({newest.format(side="after")})
            select coalesce(old.kpi, new.kpi) as kpi, old.value, new.value, old.status, new.status
            from old full join new on old.kpi = new.kpi
            where old.value is distinct from new.value or old.status is distinct from new.status
            order by kpi"""
        ).fetchall()
    ]
