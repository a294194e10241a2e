"""The jobs, and how one is run in this process (CLI and tests do what the nightly run does)."""

import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg

from orchestration.partitions import delivery_dates
from orchestration.settings import Settings

PARTITION_RANGE_START = "dagster/asset_partition_range_start"
PARTITION_RANGE_END = "dagster/asset_partition_range_end"

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


class StepProgress(logging.Handler):
    """Pass each finished step of a run on to a callback.

    The callback gets the step's name, how many steps are done, and whether it went well.
    """

    def __init__(self, on_step: Callable[[str, int, bool], None]) -> None:
        super().__init__(level=logging.DEBUG)
        self._on_step = on_step
        self._done = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take Dagster's log record; only ends of steps are of interest."""
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is not None and event.event_type_value in {"STEP_SUCCESS", "STEP_FAILURE"}:
            self._done += 1
            self._on_step(event.step_key, self._done, event.event_type_value == "STEP_SUCCESS")


def progress_logger(on_step: Callable[[str, int, bool], None]) -> dg.LoggerDefinition:
    """A Dagster logger that reports finished steps instead of printing lines."""

    @dg.logger  # type: ignore[misc]
    def _progress(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("c360.progress", level=logging.DEBUG)
        logger.addHandler(StepProgress(on_step))
        return logger

    return _progress


def step_count(job: dg.JobDefinition) -> int:
    """How many steps a run of this job has."""
    return len(job.nodes)


def run_in_process(
    job: dg.JobDefinition,
    settings: Settings,
    *,
    tags: dict[str, str],
) -> dg.ExecuteInProcessResult:
    """Run a job here and now and record the run where the Dagster UI finds it.

    A failed step does not raise: the caller reads `result.success` and `result.all_events`.
    """
    with dg.DagsterInstance.from_config(str(prepare_instance_home(settings))) as instance:
        return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
