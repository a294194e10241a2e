"""How a refresh is cut into runs, what the instance is told, and what a listener hears of a run."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
import yaml

from orchestration.errors import UserError, WarehouseBusyError
from orchestration.jobs import (
    PARTITION_RANGE_END,
    PARTITION_RANGE_START,
    PROCESS_TAG,
    RUN_EVENTS,
    RefreshFailedError,
    StepEnd,
    StepListener,
    close_dead_runs,
    loggers,
    open_instance,
    prepare_instance_home,
    refresh_runs,
    runs_by_dagster,
)
from orchestration.plan import RefreshPlan
from orchestration.run_history import RecordedRun, recent_runs
from orchestration.run_lock import RunLock
from orchestration.settings import Settings


def plan_of(*days: str) -> RefreshPlan:
    return RefreshPlan(tuple(date.fromisoformat(day) for day in days), published=None, inputs_changed=True)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (["2026-06-30"], [("2026-06-30", "2026-06-30", False, 1)]),
        (["2026-06-01", "2026-06-08"], [("2026-06-01", "2026-06-08", False, 2)]),
        (["2026-06-01", "2026-06-09"], [("2026-06-01", "2026-06-01", True, 1), ("2026-06-09", "2026-06-09", False, 1)]),
        (
            ["2010-12-01", "2011-12-09", "2026-06-29", "2026-06-30"],
            [
                ("2010-12-01", "2010-12-01", True, 1),
                ("2011-12-09", "2011-12-09", True, 1),
                ("2026-06-29", "2026-06-30", False, 2),
            ],
        ),
    ],
)
def test_only_the_newest_stretch_goes_beyond_raw(
    own_settings: Settings, days: list[str], expected: list[tuple[str, str, bool, int]]
) -> None:
    runs = refresh_runs(own_settings, plan_of(*days))
    assert [(str(r.first), str(r.last), r.only_raw, r.deliveries) for r in runs] == expected


def test_sparse_deliveries_over_years_touch_few_partitions(own_settings: Settings) -> None:
    plan = plan_of(*(f"{year}-01-15" for year in range(2011, 2027)))
    assert sum((r.last - r.first).days + 1 for r in refresh_runs(own_settings, plan)) == 16


def test_a_run_says_its_range_and_how_many_deliveries_are_new(own_settings: Settings) -> None:
    (run,) = refresh_runs(own_settings, plan_of("2026-06-27", "2026-06-30"))
    assert run.tags == {
        PARTITION_RANGE_START: "2026-06-27",
        PARTITION_RANGE_END: "2026-06-30",
        "c360/deliveries": "2026-06-27 to 2026-06-30 (2 new)",
    }


def test_the_instance_runs_one_after_another_and_sends_nothing_home(own_settings: Settings) -> None:
    config = yaml.safe_load((prepare_instance_home(own_settings) / "dagster.yaml").read_text(encoding="utf-8"))
    assert config["concurrency"]["runs"]["max_concurrent_runs"] == 1
    assert config["telemetry"] == {"enabled": False}
    assert config["nux"] == {"enabled": False}


def test_a_configuration_that_someone_edited_stays(own_settings: Settings) -> None:
    home = prepare_instance_home(own_settings)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    prepare_instance_home(own_settings)
    assert (home / "dagster.yaml").read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"


def test_a_warehouse_without_runs_has_no_recent_ones(own_settings: Settings) -> None:
    assert recent_runs(own_settings, limit=5) == []


def test_recent_runs_are_those_that_dagster_itself_would_tell(own_settings: Settings) -> None:
    with open_instance(own_settings) as instance:
        for _ in range(3):
            started(instance, {})
    told = recent_runs(own_settings, limit=2)
    assert [run.status for run in told] == ["STARTED", "STARTED"]
    assert [(run.started, run.job, run.status) for run in told] == [
        (moment.replace(tzinfo=None), job, status) for moment, job, status in runs_by_dagster(own_settings, limit=2)
    ]


def test_runs_that_dagster_keeps_elsewhere_are_asked_of_dagster(own_settings: Settings, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    home = prepare_instance_home(own_settings)
    (home / "dagster.yaml").write_text(
        f"storage: {{sqlite: {{base_dir: {elsewhere}}}}}\ntelemetry: {{enabled: false}}\n", encoding="utf-8"
    )
    with open_instance(own_settings) as instance:
        started(instance, {})
    assert not (home / "history").exists()
    assert isinstance(recent_runs(own_settings, limit=5)[0], RecordedRun)


def test_a_second_run_is_told_who_holds_the_warehouse(own_settings: Settings) -> None:
    with RunLock(own_settings), pytest.raises(WarehouseBusyError, match=r"process \d+"), RunLock(own_settings):
        pass
    with RunLock(own_settings):
        pass


def started(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    run = instance.create_run_for_job(
        dg.define_asset_job("j").resolve(asset_graph=dg.Definitions(assets=[sound]).resolve_asset_graph()), tags=tags
    )
    instance.report_dagster_event(dg.DagsterEvent(event_type_value="PIPELINE_START", job_name="j"), run_id=run.run_id)
    return run.run_id


def test_a_run_whose_process_was_killed_blocks_no_queue() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with dg.DagsterInstance.ephemeral() as instance:
        dead = started(instance, {PROCESS_TAG: str(gone.pid)})
        alive = started(instance, {PROCESS_TAG: str(os.getpid())})
        of_the_ui = started(instance, {})
        assert close_dead_runs(instance) == [dead]
        assert [instance.get_run_by_id(r).status.name for r in (dead, alive, of_the_ui)] == [
            "FAILURE",
            "STARTED",
            "STARTED",
        ]


@pytest.fixture
def heard() -> Iterator[list[StepEnd]]:
    """Ends of steps as the listener tells them."""
    ends: list[StepEnd] = []
    listener = StepListener(ends.append)
    logging.getLogger(RUN_EVENTS).addHandler(listener)
    yield ends
    logging.getLogger(RUN_EVENTS).removeHandler(listener)


def run(*assets: dg.AssetsDefinition, checks: Sequence[dg.AssetChecksDefinition] = ()) -> None:
    defs = dg.Definitions(assets=assets, asset_checks=checks, jobs=[dg.define_asset_job("everything")], loggers=loggers)
    defs.resolve_job_def("everything").execute_in_process(
        raise_on_error=False, run_config={"loggers": {RUN_EVENTS: {}}}
    )


@dg.asset
def sound() -> None: ...


@dg.asset
def mistaken() -> None:
    raise UserError("limits.csv line 3: `x` is not a number. Correct it: see the head of the file.")


@dg.asset
def broken() -> None:
    raise ZeroDivisionError("division by zero")


@dg.asset
def stopped() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)


@dg.asset_check(asset=sound, blocking=True)
def nothing_is_amiss() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.ERROR)


@dg.asset(deps=[sound])
def behind_the_gate() -> None: ...


def test_a_step_that_went_well_is_heard_by_name(heard: list[StepEnd]) -> None:
    run(sound)
    assert heard == [StepEnd("sound", succeeded=True)]


def test_a_users_fault_is_told_in_its_own_words(heard: list[StepEnd]) -> None:
    run(mistaken)
    (end,) = heard
    assert end.user_error
    assert not end.gate
    assert end.reason == "limits.csv line 3: `x` is not a number. Correct it: see the head of the file."


def test_a_bug_keeps_the_name_of_its_error(heard: list[StepEnd]) -> None:
    run(broken)
    (end,) = heard
    assert not end.user_error
    assert "ZeroDivisionError" in (end.reason or "")


def test_a_run_that_somebody_stops_is_no_bug(heard: list[StepEnd]) -> None:
    run(stopped)
    assert [end.interrupted for end in heard] == [True]
    assert RefreshFailedError(heard).interrupted


def test_a_failed_gate_is_known_as_one_and_what_is_behind_it_does_not_run(heard: list[StepEnd]) -> None:
    run(sound, behind_the_gate, checks=[nothing_is_amiss])
    (failed,) = [end for end in heard if not end.succeeded]
    assert (failed.step, failed.gate) == ("sound_nothing_is_amiss", True)
    assert (failed.reason or "").startswith("1 blocking asset check failed")
    assert "nothing_is_amiss" in (failed.reason or "")
    assert "behind_the_gate" not in {end.step for end in heard}


def test_a_refresh_is_the_users_to_mend_only_when_every_failure_is() -> None:
    mine = StepEnd("a", succeeded=False, reason="x", user_error=True)
    bug = StepEnd("b", succeeded=False, reason="y")
    assert RefreshFailedError([mine]).user_error
    assert not RefreshFailedError([mine, bug]).user_error
    assert not RefreshFailedError([]).user_error
    assert RefreshFailedError([StepEnd("c", succeeded=False, gate=True)]).gate_failed


@pytest.mark.parametrize("file", ["dagster.yaml", "history/runs.db", "history/runs/index.db"])
def test_a_damaged_history_of_runs_may_be_moved_away(own_settings: Settings, file: str) -> None:
    with open_instance(own_settings) as instance:
        assert instance.get_run_records(limit=1) == []
    (own_settings.dagster_home / file).write_bytes(b": : [ no such file" * 100)
    with pytest.raises(UserError, match=rf"{own_settings.dagster_home} cannot be read .+ Move the folder away"):
        open_instance(own_settings)
    own_settings.dagster_home.rename(own_settings.warehouse / "history_aside")
    with open_instance(own_settings) as instance:
        assert instance.get_run_records(limit=1) == []
