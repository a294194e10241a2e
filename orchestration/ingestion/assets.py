"""Dagster's face of ingestion: eight raw datasets by delivery date, and the list of delivered files.

What belongs here: asset definitions and their metadata. What does not: reading (ingest, readers, raw_store).
"""

import warnings
from datetime import date

import dagster as dg

from data_quality.contract import Contract, load_contracts
from orchestration.as_of import business_day
from orchestration.ingestion.discovery import deliveries_of, scan
from orchestration.ingestion.ingest import PartitionResult, ingest_partitions, record_unplaced
from orchestration.ingestion.raw_store import TECHNICAL_COLUMNS, refresh_raw_views
from orchestration.partitions import delivery_dates
from orchestration.resources import Warehouse, tag_run

_OWNERS = ["team:data-engineering"]


def _column_schema(contract: Contract) -> dg.TableSchema:
    columns = [dg.TableColumn(name, "varchar", description="As delivered.") for name in contract.columns]
    return dg.TableSchema([*columns, *(dg.TableColumn(name, kind) for name, kind in TECHNICAL_COLUMNS.items())])


def _metadata(results: list[PartitionResult]) -> dict[str, dg.MetadataValue]:
    quarantined = [file for result in results for file in result.quarantined]
    lines = [f"| {file.file} | {file.reason} | {file.message} |" for file in quarantined[:50]]
    table = "\n".join(["| file | reason | message |", "| --- | --- | --- |", *lines])
    return {
        "dagster/row_count": dg.MetadataValue.int(sum(result.rows for result in results)),
        "rows_that_cannot_be_split": dg.MetadataValue.int(sum(result.bad_rows for result in results)),
        "deliveries": dg.MetadataValue.int(len(results)),
        "deliveries_changed": dg.MetadataValue.int(sum(result.changed for result in results)),
        "files": dg.MetadataValue.int(sum(result.files for result in results)),
        "files_read_now": dg.MetadataValue.int(sum(result.files_read for result in results)),
        "files_quarantined": dg.MetadataValue.int(len(quarantined)),
        "quarantined_files": dg.MetadataValue.md(table if quarantined else "none"),
        "seconds": dg.MetadataValue.float(round(sum((result.seconds for result in results), 0.0), 3)),
    }


def _raw_asset(contract: Contract) -> dg.AssetsDefinition:
    """One raw dataset; its partitions are delivery dates."""

    @dg.asset(
        key=["raw", contract.table],
        group_name="raw",
        kinds={"python", "duckdb", "parquet"},
        owners=_OWNERS,
        deps=[dg.AssetKey(["policy", "reading_limits"])],
        partitions_def=delivery_dates,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=(
            f"{contract.description} As delivered, all text, with file and line number. Grain: delivered row."
        ),
        metadata={"dagster/column_schema": _column_schema(contract)},
    )
    def raw_dataset(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
        settings = warehouse.settings
        wanted = {date.fromisoformat(key) for key in context.partition_keys}
        # A range may span years; only the days on which this dataset came are touched.
        delivered = deliveries_of(contract, scan(settings).files)
        results = ingest_partitions(settings, contract, {d: f for d, f in delivered.items() if d in wanted})
        for result in results:
            for file in result.quarantined:
                context.log.warning("%s is quarantined: %s. %s", file.file, file.reason, file.message)
            for file_read, note in result.notes.items():
                context.log.warning("%s: %s", file_read, note)
        by_day = {result.delivery_date.isoformat(): [result] for result in results}
        # Each date shows its own counts, whatever the range it was materialised in.
        for key in context.partition_keys:
            context.add_asset_metadata(_metadata(by_day.get(key, [])), partition_key=key)
        return dg.MaterializeResult()

    return raw_dataset


with warnings.catch_warnings():
    # One run per range of dates is what makes a refresh cheap, and Dagster has no other way to ask for it.
    warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
    _datasets = [_raw_asset(contract) for contract in load_contracts().values()]


@dg.asset(
    key=["raw", "files"],
    group_name="raw",
    kinds={"python", "duckdb"},
    owners=_OWNERS,
    deps=[dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping()) for asset in _datasets],
)
def raw_files(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """Every delivered file with what became of it, and the views over raw. Grain: delivered file."""
    settings = warehouse.settings
    landing = scan(settings)
    tag_run(context, as_of=business_day(settings).isoformat())
    unplaced = record_unplaced(settings, landing.files)
    for file in unplaced:
        context.log.warning("%s is quarantined: %s. %s", file.file, file.reason, file.message)
    with warehouse.connect() as con:
        rows = refresh_raw_views(con, settings)
        counted = con.execute(
            "select count(*) filter (status = 'quarantined'), coalesce(sum(rows) filter (status = 'read'), 0), "
            "coalesce(sum(bytes), 0) from raw.files"
        ).fetchone()
        schema = con.execute("describe raw.files").fetchall()
    quarantined, delivered_rows, size = counted or (0, 0, 0)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": rows,
            "dagster/column_schema": dg.TableSchema([dg.TableColumn(row[0], row[1].lower()) for row in schema]),
            "files_quarantined": int(quarantined),
            "files_without_a_dataset": len(unplaced),
            "files_ignored": landing.ignored,
            "rows_delivered": int(delivered_rows),
            "bytes_delivered": int(size),
        }
    )


assets = [*_datasets, raw_files]
