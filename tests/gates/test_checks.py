from pathlib import Path

import dagster as dg
import pytest

from data_quality.suite import load_suites
from orchestration.gates.checks import STAGES, check_outcome, check_specs, checks
from orchestration.resources import Warehouse


def test_every_stage_has_one_gate_named_for_it():
    assert sorted(c.op.name for c in checks) == sorted(f"{stage}_gate" for stage in STAGES)


def test_errors_block_and_warnings_do_not():
    for suite in load_suites().values():
        severities = {e.name: e.severity for e in suite.expectations}
        assert {s.name: s.blocking for s in check_specs(suite)} == {n: s == "error" for n, s in severities.items()}


@pytest.fixture
def in_small_warehouse(settings, monkeypatch):
    monkeypatch.setenv("C360_WAREHOUSE", str(settings.warehouse))
    monkeypatch.setenv("C360_LANDING", str(settings.landing))
    monkeypatch.setenv("C360_AS_OF", "2026-06-30")


def run_raw_gate() -> dg.ExecuteInProcessResult:
    @dg.asset(key=["raw", "files"])
    def files() -> None: ...

    @dg.asset(key=["clean", "pos_sales"], deps=[files])
    def downstream() -> None: ...

    definitions = dg.Definitions(
        assets=[files, downstream],
        asset_checks=[c for c in checks if c.op.name == "raw_gate"],
        resources={"warehouse": Warehouse()},
    )
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(raise_on_error=False)


@pytest.mark.usefixtures("in_small_warehouse")
def test_what_depends_on_a_sound_stage_runs():
    ended = run_raw_gate()
    assert ended.success
    assert dg.AssetKey(["clean", "pos_sales"]) in {e.asset_key for e in ended.get_asset_materialization_events()}
    assert len(ended.get_asset_check_evaluations()) == len(load_suites()["raw"].expectations)


@pytest.mark.usefixtures("in_small_warehouse")
def test_a_failed_blocking_check_stops_what_depends_on_the_stage(change):
    change("update raw.files set status = 'pending' where dataset = 'members'")
    ended = run_raw_gate()
    assert not ended.success
    assert {e.asset_key for e in ended.get_asset_materialization_events()} == {dg.AssetKey(["raw", "files"])}
    failed = [e for e in ended.get_asset_check_evaluations() if not e.passed]
    (evaluation,) = failed
    assert evaluation.check_name == "every_file_is_read_or_quarantined"
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert evaluation.metadata["rows_failing"].value == 1
    assert "pos/2026-06-29/members.csv" in evaluation.metadata["examples_masked"].value


@pytest.mark.usefixtures("in_small_warehouse")
def test_a_failed_warning_stops_nothing(change):
    change("update raw.files set status = 'quarantined', reason = 'truncated_archive' where dataset = 'members'")
    ended = run_raw_gate()
    assert ended.success
    (evaluation,) = [e for e in ended.get_asset_check_evaluations() if not e.passed]
    assert evaluation.severity == dg.AssetCheckSeverity.WARN


def test_the_outcome_says_who_is_asked_and_why():
    from data_quality.results import CheckResult

    suite = load_suites()["raw"]
    result = CheckResult("c", "raw.files", "warn", False, 3, "3 rows", ["file=a"], "team:retail", "because", 0.1)
    outcome = check_outcome(suite, result, Path("quality.html"))
    assert outcome.metadata["owner"].value == "team:retail"
    assert outcome.description == "raw.files: 3 rows. because"
    assert outcome.metadata["quality_report"].path == "quality.html"


@pytest.mark.usefixtures("in_small_warehouse")
def test_the_balances_of_every_hop_stand_with_the_check_on_what_is_conserved(change):
    change("delete from clean.pos_sales")

    @dg.asset(key=["quality", "deliveries"])
    def deliveries() -> None: ...

    ended = (
        dg.Definitions(
            assets=[deliveries],
            asset_checks=[c for c in checks if c.op.name == "clean_gate"],
            resources={"warehouse": Warehouse()},
        )
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(raise_on_error=False)
    )
    shown = {e.check_name: e.metadata for e in ended.get_asset_check_evaluations()}
    balances = shown["every_delivery_balances"]["balances"].value
    assert "| raw_to_clean | 7 | 2 |" in balances
    assert "balances" not in shown["every_quarantined_row_says_why"]
