"""The project's own way from a landing zone to customers, without Dagster.

What belongs here: the calls of the stages in their order. What does not: any step of its own.
"""

import time
from dataclasses import dataclass
from typing import Any

import duckdb

from data_quality.contract import load_contracts
from orchestration import database
from orchestration.cleaning import dictionaries
from orchestration.cleaning.tables import clean_table
from orchestration.identity.resolve import resolve
from orchestration.ingestion.discovery import deliveries_of, scan
from orchestration.ingestion.ingest import ingest_partitions, record_unplaced
from orchestration.ingestion.raw_store import refresh_raw_views
from orchestration.settings import Settings


@dataclass(frozen=True)
class PipelineRun:
    """The report of the identity stage, and seconds by stage."""

    report: dict[str, Any]
    seconds: dict[str, float]


def ingest_and_clean(settings: Settings) -> dict[str, float]:
    """Bring every delivery of the landing zone to the clean tables and dictionaries; return seconds by stage."""
    started = time.perf_counter()
    contracts = load_contracts()
    landing = scan(settings)
    for contract in contracts.values():
        ingest_partitions(settings, contract, deliveries_of(contract, landing.files))
    record_unplaced(settings, landing.files)
    with database.connect(settings) as con:
        refresh_raw_views(con, settings)
        ingested = time.perf_counter()
        for contract in contracts.values():
            clean_table(con, settings, contract)
        for build in (
            dictionaries.build_names,
            dictionaries.build_phones,
            dictionaries.build_emails,
            dictionaries.build_addresses,
        ):
            build(con, settings)
    return {
        "ingestion": round(ingested - started, 2),
        "cleaning": round(time.perf_counter() - ingested, 2),
    }


def run_identity(settings: Settings) -> PipelineRun:
    """Resolve a cleaned warehouse."""
    started = time.perf_counter()
    with database.connect(settings) as con:
        report = resolve(con, settings)
    return PipelineRun(report, {"identity": round(time.perf_counter() - started, 2)})


def assignments(con: duckdb.DuckDBPyConnection, truth: str, where: str = "true") -> list[tuple[str, str]]:
    """`(person, customer)` of the source records that `truth` (a Parquet file) and `where` know.

    A record without a customer is a cluster of its own.
    """
    return con.execute(
        f"""
        select t.person_id::varchar, coalesce(x.customer_id, x.source || '|' || x.record_key)
        from read_parquet(?) as t
        inner join identity.customer_xref as x on x.source = t.source and x.record_key = t.record_key
        where t.person_id is not null and {where}
        """,
        [truth],
    ).fetchall()
