"""What starts a refresh besides the clock: a delivery that arrives late or is corrected by day."""

import hashlib
from collections.abc import Sequence

import dagster as dg

from orchestration.ingestion.discovery import LandingFile, discover
from orchestration.ingestion.ingest import has_new_unplaced_files, new_delivery_dates
from orchestration.jobs import close_dead_runs, nightly_refresh
from orchestration.schedules import refresh_requests
from orchestration.settings import Settings

# A delivery is taken once its files have stood still for this long: sources copy files slowly.
_SETTLE_SECONDS = 120
_SEEN, _REQUESTED = "seen", "requested"


def _landing_state(files: Sequence[LandingFile]) -> str:
    """Names, sizes and times of the landed files as a checksum: the cursor is stored, and names may name people."""
    listed = "\n".join(f"{file.relative}|{file.size}|{file.mtime_ns}" for file in files)
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


@dg.sensor(
    job=nightly_refresh,
    minimum_interval_seconds=_SETTLE_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Starts a refresh when new or changed files stand still in the landing zone.",
)
def new_delivery(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Request a refresh once per settled state of the landing zone."""
    settings = Settings()
    files = discover(settings)
    state = _landing_state(files)
    previous, _, step = (context.cursor or "").partition(" ")
    if previous == state and step == _REQUESTED:
        return dg.SkipReason("This state of the landing zone was looked at and refreshed already.")
    if not new_delivery_dates(settings, files) and not has_new_unplaced_files(settings, files):
        context.update_cursor(f"{state} {_REQUESTED}")
        return dg.SkipReason("Nothing lies in the landing zone that is not in the warehouse.")
    close_dead_runs(context.instance)
    if previous != state:
        context.update_cursor(f"{state} {_SEEN}")
        return dg.SkipReason(f"New files; they are taken when they stand still for {_SETTLE_SECONDS} seconds.")
    return dg.SensorResult(run_requests=refresh_requests(settings, run_key=state), cursor=f"{state} {_REQUESTED}")


sensors = [new_delivery]
