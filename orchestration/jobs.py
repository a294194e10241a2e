"""The jobs, and how one is run in this process (CLI and tests do what the nightly run does)."""

import logging
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from orchestration.errors import UserError, machine_fault_behind
from orchestration.plan import RefreshPlan, fallback_partition
from orchestration.progress import Progress, StepShares, silent
from orchestration.settings import Settings
from orchestration.warehouse.runner import prepare_manifest

PARTITION_RANGE_START = "dagster/asset_partition_range_start"
PARTITION_RANGE_END = "dagster/asset_partition_range_end"
DELIVERIES_TAG = "c360/deliveries"
PROCESS_TAG = "c360/process"
RUN_EVENTS = "c360_run_events"
DBT_LOG = "last_dbt_build.log"

_USER_ERRORS = {"UserError", "WarehouseBusyError"}
_INTERRUPTS = {"DagsterExecutionInterruptedError", "KeyboardInterrupt"}

_INSTANCE_CONFIG = """\
# Written once by customer360; edit as you like.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    # Runs share one working database, so they follow one another.
    max_concurrent_runs: 1
event_log_storage:
  # Dagster's own files, whose connections stay open; leave it out, and a refresh takes seconds longer.
  module: orchestration.event_storage
  class: OpenSqliteEventLogStorage
"""

# Asked for only to have the file opened in which its events would be.
_NO_ASSET = dg.AssetKey("none")

_GATES = {"DagsterAssetCheckFailedError", "ModelTestsFailedError"}

nightly_refresh = dg.define_asset_job(
    "nightly_refresh",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="New deliveries to a published version: ingest, clean, resolve, model, gate, publish.",
)

ingest_deliveries = dg.define_asset_job(
    "ingest_deliveries",
    selection=dg.AssetSelection.key_prefixes("raw") - dg.AssetSelection.assets(["raw", "files"]),
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


@dataclass(frozen=True)
class RefreshRun:
    """One run of a refresh: the delivery dates `first` to `last`, and whether it stops at raw."""

    first: date
    last: date
    only_raw: bool
    deliveries: int

    @property
    def tags(self) -> dict[str, str]:
        """Tags that select the range of delivery dates, and tell a person how many of them hold something new."""
        span = self.first.isoformat() if self.first == self.last else f"{self.first} to {self.last}"
        return {
            PARTITION_RANGE_START: self.first.isoformat(),
            PARTITION_RANGE_END: self.last.isoformat(),
            DELIVERIES_TAG: f"{span} ({self.deliveries} new)" if self.deliveries else "none new",
        }


def refresh_runs(settings: Settings, plan: RefreshPlan) -> list[RefreshRun]:
    """The runs that bring the warehouse up to date, in order: older stretches to raw, the newest all the way.

    Dagster records an event for every partition of a range, so deliveries years apart are not one range.
    """
    stretches = plan.stretches(fallback=fallback_partition(settings))
    return [
        RefreshRun(
            first,
            last,
            only_raw=(first, last) != stretches[-1],
            deliveries=sum(first <= day <= last for day in plan.new_dates),
        )
        for first, last in stretches
    ]


def prepare_instance_home(settings: Settings) -> Path:
    """Make the folder where Dagster keeps its runs, with a configuration that fits one warehouse."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(_INSTANCE_CONFIG, encoding="utf-8")
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open what Dagster keeps of this warehouse's runs, for this process and those it starts.

    Raises:
        UserError: it is damaged.
    """
    home = str(prepare_instance_home(settings))
    os.environ["DAGSTER_HOME"] = home
    try:
        instance = dg.DagsterInstance.from_config(home)
        # Opens both databases; otherwise the first event of a run would.
        instance.get_run_records(limit=1)
        instance.fetch_materializations(_NO_ASSET, limit=1)
    except Exception as error:
        if machine_fault_behind(error):
            raise
        raise UserError(
            f"What Dagster keeps of earlier runs in {home} cannot be read ({str(error).splitlines()[0]}). Move the "
            "folder away: the next run makes it anew, and nothing but the history of runs is lost."
        ) from error
    return instance


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
    gate: bool = False
    interrupted: bool = False


OnStep = Callable[[StepEnd, int, int], None]


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
            self._on_step(_failed(event.step_key or "run", event.step_failure_data.error))


def _failed(step: str, error: SerializableErrorInfo | None) -> StepEnd:
    """Find the user's fault in the causes of a failure, else the innermost cause; a bug keeps its class name."""
    interrupted = False
    while error is not None and error.cause is not None and error.cls_name not in _USER_ERRORS:
        interrupted = interrupted or error.cls_name in _INTERRUPTS
        error = error.cause
    if error is None:
        return StepEnd(
            step, succeeded=False, reason="no reason was recorded; the run's page in the Dagster UI has more"
        )
    message = error.message.strip()
    user_error, gate = error.cls_name in _USER_ERRORS, error.cls_name in _GATES
    return StepEnd(
        step,
        succeeded=False,
        reason=message.split(": ", 1)[-1] if user_error or gate else message,
        user_error=user_error,
        gate=gate,
        interrupted=interrupted or error.cls_name in _INTERRUPTS,
    )


class RefreshFailedError(Exception):
    """A refresh did not reach publication; BI still sees what it saw before.

    `failures` are the steps that failed, `user_error` says that the user can mend every one of them, `interrupted`
    that somebody stopped it.
    """

    def __init__(self, failures: list[StepEnd]) -> None:
        super().__init__("; ".join(f"{f.step}: {f.reason}" for f in failures))
        self.failures = failures
        self.gate_failed = any(f.gate for f in failures)
        self.interrupted = any(f.interrupted for f in failures)
        self.user_error = bool(failures) and all(f.user_error for f in failures)


def run_refresh(
    settings: Settings, plan: RefreshPlan, on_step: OnStep | None = None, progress: Progress = silent
) -> None:
    """Run the nightly job in this process and record it where the Dagster UI finds it.

    `plan` says which deliveries are new; `on_step` gets each step as it ends, how many have ended, and how many there
    are; `progress` hears how much lies behind.

    Raises:
        RefreshFailedError: a step failed.
        UserError: a policy table is wrong, or dbt cannot read the models.
    """
    runs = [
        (ingest_deliveries.name if run.only_raw else nightly_refresh.name, run.tags)
        for run in refresh_runs(settings, plan)
    ]
    _run_all(settings, runs, on_step, progress)


def run_rebuild(settings: Settings, progress: Progress = silent) -> None:
    """Run everything downstream of raw again, to a published version; as `run_refresh` otherwise.

    Raises:
        RefreshFailedError: a step failed.
        UserError: a policy table is wrong, or dbt cannot read the models.
    """
    _run_all(settings, [(rebuild_all.name, {})], None, progress)


def _run_all(
    settings: Settings,
    wanted: list[tuple[str, dict[str, str]]],
    on_step: OnStep | None,
    progress: Progress,
) -> None:
    """Run jobs by name with their tags, one after another, until one fails."""
    prepare_manifest(settings)
    from orchestration.definitions import defs  # imports this module

    runs = [(defs.resolve_job_def(name), tags) for name, tags in wanted]
    steps = [node.name for job, _ in runs for node in job.nodes]
    home = prepare_instance_home(settings)
    shares = StepShares(home, steps)
    progress(f"0 of {len(steps)} begins", 0.0)
    ended: list[StepEnd] = []

    def listen(step: StepEnd) -> None:
        ended.append(step)
        progress(f"{len(ended)} of {len(steps)} {step.step}", shares.ended(step.step))
        if on_step is not None:
            on_step(step, len(ended), len(steps))

    # dbt's own lines go where a person can look them up; the terminal shows the steps.
    with (
        open_instance(settings) as instance,
        (home / DBT_LOG).open("w", encoding="utf-8") as dbt_log,
        redirect_stdout(dbt_log),
    ):
        close_dead_runs(instance)
        for job, tags in runs:
            _run(job, instance, {**tags, PROCESS_TAG: str(os.getpid())}, listen)
            failures = [step for step in ended if not step.succeeded]
            if failures:
                raise RefreshFailedError(failures)
    shares.keep()


def _run(
    job: dg.JobDefinition, instance: dg.DagsterInstance, tags: dict[str, str], on_step: Callable[[StepEnd], None]
) -> None:
    """Run one job; what fails is told to `on_step`, also when no step could even start."""
    listener = StepListener(on_step)
    events = logging.getLogger(RUN_EVENTS)
    events.addHandler(listener)
    try:
        result = job.execute_in_process(
            instance=instance, tags=tags, raise_on_error=False, run_config={"loggers": {RUN_EVENTS: {}}}
        )
    finally:
        events.removeHandler(listener)
    if not result.success and not any(event.is_step_failure for event in result.all_events):
        failure = next((event for event in result.all_events if event.is_job_failure), None)
        on_step(_failed("run", failure.job_failure_data.error if failure else None))


def close_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Record as failed what the command line started and whose process is gone, for instance killed.

    Dagster watches the processes it starts itself, but not these; as long as one counts as running, the queue of the
    UI waits for it.

    Returns:
        Ids of those runs.
    """
    dead = [
        record.dagster_run
        for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        if not _is_alive(record.dagster_run.tags.get(PROCESS_TAG))
    ]
    for run in dead:
        instance.report_run_failed(run, "The process of this run ended without a word: it was killed, or the machine.")
    return [run.run_id for run in dead]


def _is_alive(process: str | None) -> bool:
    """Say whether the process that a run's tag names still exists; a run without the tag is not ours to judge."""
    if process is None:
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def runs_by_dagster(settings: Settings, limit: int) -> list[tuple[datetime, str, str]]:
    """Start (UTC), job and status of the last runs, newest first, wherever Dagster keeps them."""
    with open_instance(settings) as instance:
        records = instance.get_run_records(limit=limit)
    return [(r.create_timestamp, r.dagster_run.job_name, r.dagster_run.status.value) for r in records]
