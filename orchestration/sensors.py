"""What starts a refresh besides the clock: a delivery that arrives late or is corrected by day."""

import dagster as dg

from orchestration.ingestion.discovery import discover
from orchestration.jobs import nightly_refresh
from orchestration.schedules import refresh_run_request
from orchestration.settings import Settings

# A delivery is taken once its files have stood still for this long: sources copy files slowly.
_SETTLE_SECONDS = 120


def _landing_state(settings: Settings) -> str:
    """Count, size and newest change of the landed files, as one cursor."""
    stats = [file.path.stat() for file in discover(settings)]
    newest = max((s.st_mtime_ns for s in stats), default=0)
    return f"{len(stats)}:{sum(s.st_size for s in stats)}:{newest}"


@dg.sensor(
    job=nightly_refresh,
    minimum_interval_seconds=_SETTLE_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Starts a refresh when new or changed files stand still in the landing zone.",
)
def new_delivery(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Request a refresh once per settled state of the landing zone."""
    settings = Settings()
    state = _landing_state(settings)
    previous = context.cursor or ""
    if not previous.startswith(state):
        context.update_cursor(f"{state} seen")
        return dg.SkipReason("Files are still arriving; the next look decides.")
    if previous.endswith("requested"):
        return dg.SkipReason("This state of the landing zone was refreshed already.")
    request = refresh_run_request(settings, run_key=state)
    return dg.SensorResult(run_requests=[request] if request else [], cursor=f"{state} requested")


sensors = [new_delivery]
