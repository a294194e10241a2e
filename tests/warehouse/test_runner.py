"""dbt's arguments and environment come from the settings alone."""

import json
from datetime import date
from pathlib import Path

import pytest

from orchestration.settings import Settings
from orchestration.warehouse import runner


def test_the_business_day_reaches_dbt_as_a_variable() -> None:
    arguments = runner.build_arguments(date(2026, 6, 30))
    assert json.loads(arguments[arguments.index("--vars") + 1]) == {"as_of": "2026-06-30"}


def test_without_a_day_dbt_takes_the_newest_delivery() -> None:
    assert "--vars" not in runner.build_arguments(None)


def test_warnings_are_errors() -> None:
    assert "--warn-error" in runner.build_arguments(None)


def test_unit_tests_are_left_out_of_a_nightly_run_and_can_be_asked_for() -> None:
    assert "unit_test" in runner.build_arguments(None)
    assert "unit_test" not in runner.build_arguments(None, unit_tests=True)


def test_models_alone_are_run_rather_than_built() -> None:
    assert runner.build_arguments(None, only_models=True) == ["run", "--warn-error"]


def test_a_selection_is_passed_on() -> None:
    assert runner.build_arguments(None, select=("+customer_360",))[-2:] == ["--select", "+customer_360"]


def test_the_warehouse_path_is_absolute_because_dbt_runs_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(warehouse=Path("some/warehouse"))
    assert runner.environment(settings)["C360_WAREHOUSE"] == str(tmp_path / "some" / "warehouse")
    assert runner.target_dir(settings) == tmp_path / "some" / "warehouse" / "dbt"


def test_limits_are_those_of_the_settings() -> None:
    environment = runner.environment(Settings(threads=3, memory_limit="2GB", timezone="Asia/Tokyo"))
    limits = {name: environment[name] for name in ("C360_THREADS", "C360_MEMORY_LIMIT", "C360_TIMEZONE")}
    assert limits == {"C360_THREADS": "3", "C360_MEMORY_LIMIT": "2GB", "C360_TIMEZONE": "Asia/Tokyo"}


def test_a_memory_limit_is_always_a_size_duckdb_can_read() -> None:
    assert runner.environment(Settings(memory_limit=None))["C360_MEMORY_LIMIT"].endswith("MiB")


@pytest.mark.parametrize(("size", "at_once"), [(0, 2), (49_000_000, 2), (51_000_000, 1)])
def test_models_are_built_one_at_a_time_where_the_database_is_large_for_the_memory(
    tmp_path: Path, size: int, at_once: int
) -> None:
    settings = Settings(warehouse=tmp_path, memory_limit="100MB")
    with settings.database.open("wb") as file:
        file.truncate(size)
    assert runner.models_at_once(settings) == at_once


def test_without_a_database_models_are_built_side_by_side(tmp_path: Path) -> None:
    assert runner.models_at_once(Settings(warehouse=tmp_path)) == 2


def test_the_manifest_is_parsed_once_and_again_when_its_stamp_no_longer_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []

    def parse(settings: Settings, target: Path) -> None:
        parsed.append(target)
        (target / "manifest.json").write_text("{}", encoding="utf-8")
        (target / "partial_parse.msgpack").write_bytes(b"")

    monkeypatch.setattr(runner, "_parse", parse)
    monkeypatch.setattr(runner, "manifest_path", lambda settings: tmp_path / "target" / "manifest.json")
    settings = Settings(warehouse=tmp_path)
    assert runner.prepare_manifest(settings).read_text(encoding="utf-8") == "{}"
    runner.prepare_manifest(settings)
    assert len(parsed) == 1
    (tmp_path / "target" / "manifest.stamp").write_text("of older models", encoding="utf-8")
    runner.prepare_manifest(settings)
    assert len(parsed) == 2
