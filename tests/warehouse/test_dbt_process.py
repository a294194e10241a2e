"""dbt inside this process: what it says arrives as it happens, and its failures say what kind they are."""

import os
from pathlib import Path

import pytest

from orchestration.database import connect
from orchestration.settings import Settings
from orchestration.warehouse import dbt_process, runner


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(warehouse=tmp_path / "warehouse")
    settings.warehouse.mkdir()
    runner.prepare_manifest(settings)
    return settings


def test_a_seed_is_loaded_and_the_file_is_free_for_the_next_step(settings: Settings) -> None:
    names = [event["info"]["name"] for event in runner.run_dbt(settings, ["seed", "--select", "evaluation_windows"])]
    assert "LogSeedResult" in names
    assert "C360_MEMORY_LIMIT" not in os.environ
    with connect(settings) as con:
        assert con.execute("select count(*) > 0 from policy.evaluation_windows").fetchall() == [(True,)]


def test_a_model_without_its_sources_fails_as_a_model(settings: Settings) -> None:
    with pytest.raises(dbt_process.DbtFailedError, match="stg_pos__members"):
        list(runner.run_dbt(settings, ["run", "--select", "stg_pos__members"]))


def test_who_stops_listening_stops_dbt_and_gets_the_file_back(settings: Settings) -> None:
    events = runner.run_dbt(settings, ["seed"])
    next(events)
    events.close()  # type: ignore[attr-defined]
    with connect(settings) as con:
        assert con.execute("select 1").fetchall() == [(1,)]


def test_memory_that_ran_out_is_a_fault_of_the_machine() -> None:
    told = dbt_process._failure("Runtime Error in model x\n  Out of Memory Error: failed to allocate")
    assert "C360_MEMORY_LIMIT" in str(told)
