"""Taking in one delivery of one dataset, as a test wants it."""

from datetime import date

from data_quality.contract import Contract
from orchestration.ingestion.discovery import LandingFile, deliveries_of, discover
from orchestration.ingestion.ingest import PartitionResult, ingest_partitions
from orchestration.settings import Settings


def ingest_partition(
    settings: Settings,
    contract: Contract,
    day: date,
    *,
    force: bool = False,
    files: list[LandingFile] | None = None,
) -> PartitionResult:
    """Bring one partition of raw up to date with what lies in the landing zone, or with `files`."""
    delivered = deliveries_of(contract, discover(settings)).get(day, []) if files is None else files
    (result,) = ingest_partitions(settings, contract, {day: delivered}, force=force)
    return result
