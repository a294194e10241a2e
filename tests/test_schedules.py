"""The nightly schedule: what it asks for, and when it is on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from orchestration.errors import UserError
from orchestration.jobs import PARTITION_RANGE_END, PARTITION_RANGE_START
from orchestration.plan import RefreshPlan, first_partition
from orchestration.schedules import nightly_at_two, refresh_requests
from orchestration.settings import Settings

ROOT = Path(__file__).parents[1]


def evaluate() -> dg.SkipReason | list[dg.RunRequest]:
    from orchestration.definitions import defs

    with (
        dg.DagsterInstance.local_temp() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 6, 30, 18, tzinfo=UTC),
            repository_def=defs.get_repository_def(),
        ) as context,
    ):
        data = nightly_at_two.evaluate_tick(context)
    return dg.SkipReason(data.skip_message) if data.skip_message else list(data.run_requests or [])


def dates(request: dg.RunRequest) -> tuple[str, str]:
    return request.tags[PARTITION_RANGE_START], request.tags[PARTITION_RANGE_END]


def test_it_runs_at_two_in_business_time() -> None:
    assert (nightly_at_two.cron_schedule, nightly_at_two.execution_timezone) == ("0 2 * * *", "Asia/Shanghai")


@pytest.mark.parametrize(("environment", "status"), [("development", "STOPPED"), ("production", "RUNNING")])
def test_it_is_on_by_default_only_in_production(environment: str, status: str) -> None:
    code = "from orchestration.schedules import nightly_at_two as s; print(s.default_status.name)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "C360_ENVIRONMENT": environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == status


@pytest.mark.usefixtures("own_settings")
def test_all_new_deliveries_are_one_run_over_their_range(land) -> None:
    for day in ("2026-06-27", "2026-06-29", "2026-06-30"):
        land(day)
    (request,) = evaluate()
    assert dates(request) == ("2026-06-27", "2026-06-30")
    assert request.asset_selection is None
    assert request.tags["c360/deliveries"] == "2026-06-27 to 2026-06-30 (3 new)"


@pytest.mark.usefixtures("own_settings")
def test_deliveries_years_apart_are_runs_of_their_own_and_only_the_newest_goes_all_the_way(land) -> None:
    for day in ("2018-03-01", "2018-03-02", "2026-06-30"):
        land(day)
    old, new = evaluate()
    assert (dates(old), dates(new)) == (("2018-03-01", "2018-03-02"), ("2026-06-30", "2026-06-30"))
    assert {key.path[0] for key in old.asset_selection or []} == {"raw"}
    assert new.asset_selection is None


def test_nothing_new_is_told_as_the_reason_of_the_skip(own_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = RefreshPlan(new_dates=(), published=None, inputs_changed=False)
    monkeypatch.setattr("orchestration.schedules.plan_refresh", lambda _: plan)
    skipped = evaluate()
    assert isinstance(skipped, dg.SkipReason)
    assert "No new delivery" in (skipped.skip_message or "")


def test_a_changed_rule_alone_refreshes_the_newest_day(own_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_settings.raw_dir / "pos" / "members" / "delivery_date=2026-06-28").mkdir(parents=True)
    plan = RefreshPlan(new_dates=(), published=None, inputs_changed=True)
    monkeypatch.setattr("orchestration.schedules.plan_refresh", lambda _: plan)
    (request,) = refresh_requests(own_settings, run_key="tonight")
    assert dates(request) == ("2026-06-28", "2026-06-28")
    assert request.tags["c360/deliveries"] == "none new"


def test_partitions_begin_in_the_month_of_the_oldest_delivery(
    own_settings: Settings, land: Callable[..., Path]
) -> None:
    land("2026-05-20")
    land("2026-06-03")
    assert first_partition(own_settings) == date(2026, 5, 1)
    shutil.rmtree(own_settings.landing)
    assert first_partition(own_settings) <= datetime.now(UTC).date() + timedelta(days=1)


def test_a_delivery_before_the_first_partition_is_no_run_but_a_message(
    own_settings: Settings, land: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    land("2026-05-20")
    monkeypatch.setenv("C360_FIRST_PARTITION", "2026-06-01")
    settings = Settings(_env_file=None)
    assert settings.partitions_begin == date(2026, 6, 1)
    with pytest.raises(UserError, match="2026-05-20 lies before 2026-06-01"):
        refresh_requests(settings, run_key="now")
