"""What a person wants to read after a run or in the morning: figures from the published file.

What belongs here: counting what is there. What does not: printing it (`cli.py`).
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import connect_file
from orchestration.publication.versions import Version


@dataclass(frozen=True)
class DeliveryLine:
    """One delivery of one dataset, as `quality.deliveries` accounts for it."""

    delivery_date: date
    dataset: str
    received: int
    loaded: int
    superseded: int
    repeated: int
    quarantined: int


@dataclass(frozen=True)
class PublishedSummary:
    """Figures of one published version."""

    version: str
    path: Path
    as_of: date
    rows_by_stage: dict[str, int]
    customers: int
    source_records: int
    unlinked_records: int
    tiers: dict[str, int]
    checks_passed: int
    warnings: list[str]
    example_customer: str


def summarise(version: Version) -> PublishedSummary:
    """Count what one published version holds; reads only the published file."""
    with connect_file(version.file) as con:
        counts = _one(
            con,
            "select sum(rows_received), sum(rows_loaded), sum(rows_superseded), sum(rows_repeated), "
            "sum(rows_quarantined) from quality.deliveries",
        )
        records, unlinked = _one(
            con, "select count(*), count(*) filter (where customer_id is null) from identity.customer_xref"
        )
        (customers,) = _one(con, "select count(*) from marts.customer_360")
        tiers = con.execute(
            "select tier, count(*) as customers from marts.customer_segments where scheme = 'spend_tier' "
            "group by tier order by customers desc"
        ).fetchall()
        # By the run that made the version and not by the clock, which is set back now and then.
        checks = con.execute(
            "select passed, replace(check_name, '_', ' ') || ': ' || concat_ws('; ', observed, examples[1]) "
            "from quality.check_results where run_id = ? order by stage, check_name",
            [version.manifest.run_id],
        ).fetchall()
        (best,) = _one(con, "select coalesce(arg_max(customer_id, net_revenue), '<id>') from marts.customer_360")
        facts = con.execute(
            "select table_name from information_schema.tables where table_schema = 'marts' and table_name like 'fct%' "
            "order by table_name"
        ).fetchall()
        names = ("rows received", "rows loaded", "rows superseded", "rows repeated", "rows quarantined")
        stages = {name: rows or 0 for name, rows in zip(names, counts, strict=True)}
        for (table,) in facts:
            (stages[f"marts.{table}"],) = _one(con, f'select count(*) from marts."{table}"')
    return PublishedSummary(
        version=version.id,
        path=version.file,
        as_of=version.manifest.as_of,
        rows_by_stage={name: int(rows) for name, rows in stages.items()},
        customers=customers,
        source_records=records,
        unlinked_records=unlinked,
        tiers=dict(tiers),
        checks_passed=sum(passed for passed, _ in checks),
        warnings=[told for passed, told in checks if not passed],
        example_customer=best,
    )


def latest_deliveries(version: Version, limit: int) -> list[DeliveryLine]:
    """The newest deliveries that the published version accounts for, newest first."""
    with connect_file(version.file) as con:
        rows = con.execute(
            "select delivery_date, source || '/' || dataset, rows_received, rows_loaded, rows_superseded, "
            "rows_repeated, rows_quarantined from quality.deliveries "
            "order by delivery_date desc, source, dataset limit ?",
            [limit],
        ).fetchall()
    return [DeliveryLine(*row) for row in rows]


def _one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = con.execute(query).fetchone()
    if row is None:
        raise RuntimeError(f"An aggregate query gave no row: {query}")
    return row
