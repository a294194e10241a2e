"""What starts a refresh besides the clock (a delivery by day), and what tells when something is wrong."""

import hashlib
from collections.abc import Sequence

import dagster as dg

from orchestration.alerts.alerts import notify
from orchestration.errors import UserError
from orchestration.ingestion.discovery import LandingFile, discover
from orchestration.ingestion.ingest import has_new_unplaced_files, new_delivery_dates
from orchestration.jobs import close_dead_runs, nightly_refresh
from orchestration.schedules import refresh_requests
from orchestration.settings import Settings

# A delivery is taken once its files have stood still for this long: sources copy files slowly.
_SETTLE_SECONDS = 120
# Often enough for a person, seldom enough to cost nothing.
_LOOK_SECONDS = 300
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


@dg.sensor(
    minimum_interval_seconds=_LOOK_SECONDS,
    default_status=(
        dg.DefaultSensorStatus.RUNNING if Settings().environment == "production" else dg.DefaultSensorStatus.STOPPED
    ),
    description="Tells of failed gates and runs, late deliveries, red KPIs and changed ids (seeds/policy/alerts.csv).",
)
def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Tell each cause once, and once more when it is over."""
    try:
        told = notify(Settings(), _failed_steps(context.instance))
    except UserError as error:
        return dg.SkipReason(f"Alerts could not be looked at: {error}")
    for failure in told.failures:
        context.log.warning(failure)
    return dg.SkipReason("; ".join(message.headline for message in told.messages) or "Nothing new to tell.")


def _failed_steps(instance: dg.DagsterInstance) -> list[str] | None:
    """The steps in which the last run that ended failed; None where none has ended."""
    ended = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
    for record in instance.get_run_records(ended, limit=1):
        if record.dagster_run.status == dg.DagsterRunStatus.SUCCESS:
            return []
        steps = [
            s.step_key
            for s in instance.get_run_step_stats(record.dagster_run.run_id)
            if s.status and s.status.value == "FAILURE"
        ]
        return steps or [record.dagster_run.job_name]
    return None


sensors = [new_delivery, alerts]
