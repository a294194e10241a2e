"""The jobs, and how one is run in this process (CLI and tests do what the nightly run does)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import dagster as dg

from orchestration.partitions import delivery_dates
from orchestration.settings import Settings

PARTITION_RANGE_START = "dagster/asset_partition_range_start"
PARTITION_RANGE_END = "dagster/asset_partition_range_end"
RUN_EVENTS = "c360_run_events"

# Faults whose message is written for the person who can mend them; all others keep their class name.
_EXPECTED_FAULTS = {"UserError", "WarehouseBusyError", "DagsterAssetCheckFailedError"}

_INSTANCE_CONFIG = """\
# Written once by customer360; edit as you like.
telemetry:
  enabled: false
concurrency:
  runs:
    # Runs share one working database, so they follow one another.
    max_concurrent_runs: 1
"""

nightly_refresh = dg.define_asset_job(
    "nightly_refresh",
    selection=dg.AssetSelection.all(),
    partitions_def=delivery_dates,
    executor_def=dg.in_process_executor,
    description="New deliveries to a published version: ingest, clean, resolve, model, gate, publish.",
)

ingest_deliveries = dg.define_asset_job(
    "ingest_deliveries",
    selection=dg.AssetSelection.key_prefixes("raw") - dg.AssetSelection.assets(["raw", "files"]),
    partitions_def=delivery_dates,
    executor_def=dg.in_process_executor,
    description="Delivery dates to raw Parquet only; a refresh uses it for stretches of older deliveries.",
)

rebuild_all = dg.define_asset_job(
    "rebuild_all",
    selection=dg.AssetSelection.all()
    - (dg.AssetSelection.key_prefixes("raw") - dg.AssetSelection.assets(["raw", "files"])),
    executor_def=dg.in_process_executor,
    description="Everything downstream of raw again, from raw alone, to a published version.",
)

jobs = [nightly_refresh, ingest_deliveries, rebuild_all]


def partition_range_tags(start: date, end: date) -> dict[str, str]:
    """Run tags that select a range of delivery dates."""
    return {PARTITION_RANGE_START: start.isoformat(), PARTITION_RANGE_END: end.isoformat()}


def prepare_instance_home(settings: Settings) -> Path:
    """Make the folder where Dagster keeps its runs, with a configuration that fits one warehouse."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(_INSTANCE_CONFIG, encoding="utf-8")
    return home


def _event_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    """Replace Dagster's console lines by a logger that prints nothing by itself."""
    logger = logging.getLogger(RUN_EVENTS)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger


loggers = {
    "console": dg.colored_console_logger,
    RUN_EVENTS: dg.LoggerDefinition(
        logger_fn=_event_logger,
        description="Hands the run's events to Python logging under one name; the CLI listens there.",
    ),
}


@dataclass(frozen=True)
class StepEnd:
    """A step that ended: its name, whether it went well, and if not the reason to show a person."""

    step: str
    succeeded: bool
    reason: str | None = None
    user_error: bool = False


class StepListener(logging.Handler):
    """Turn the end of each step into a call."""

    def __init__(self, on_step: Callable[[StepEnd], None]) -> None:
        super().__init__(level=logging.DEBUG)
        self._on_step = on_step

    def emit(self, record: logging.LogRecord) -> None:
        """Take Dagster's log record; only ends of steps are of interest."""
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is None:
            return
        if event.event_type_value == "STEP_SUCCESS":
            self._on_step(StepEnd(event.step_key or "run", succeeded=True))
        elif event.event_type_value == "STEP_FAILURE":
            self._on_step(_failed_step(event))


def _failed_step(event: dg.DagsterEvent) -> StepEnd:
    """Find the innermost cause of a failed step."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return StepEnd(event.step_key or "run", succeeded=False, reason="no reason was recorded")
    reason = error.message.strip()
    known = error.cls_name in _EXPECTED_FAULTS
    return StepEnd(
        event.step_key or "run",
        succeeded=False,
        reason=reason.split(": ", 1)[-1] if known else reason,
        user_error=known,
    )


def run_in_process(
    job: dg.JobDefinition,
    settings: Settings,
    *,
    tags: dict[str, str],
    on_step: Callable[[StepEnd], None],
) -> bool:
    """Run a job here and now and record the run where the Dagster UI finds it.

    A failed step does not raise; it is told to `on_step` like every other. Returns whether all went well.
    """
    listener = StepListener(on_step)
    events = logging.getLogger(RUN_EVENTS)
    events.addHandler(listener)
    try:
        with dg.DagsterInstance.from_config(str(prepare_instance_home(settings))) as instance:
            result = job.execute_in_process(
                instance=instance, tags=tags, raise_on_error=False, run_config={"loggers": {RUN_EVENTS: {}}}
            )
            return bool(result.success)
    finally:
        events.removeHandler(listener)


@dataclass(frozen=True)
class RecordedRun:
    """A run as Dagster recorded it; `started` is UTC."""

    started: datetime
    job: str
    status: str


def recent_runs(settings: Settings, limit: int) -> list[RecordedRun]:
    """The last runs on this warehouse, from the CLI or the UI, newest first."""
    if not settings.dagster_home.exists():
        return []
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        records = instance.get_run_records(limit=limit)
    return [RecordedRun(r.create_timestamp, r.dagster_run.job_name, r.dagster_run.status.value) for r in records]
