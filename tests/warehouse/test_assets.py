"""How the dbt project appears in Dagster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.database import connect
from orchestration.resources import Warehouse
from orchestration.settings import Settings
from orchestration.warehouse import assets as warehouse_assets
from orchestration.warehouse import runner
from orchestration.warehouse.assets import ModelTestsFailedError, assets
from orchestration.warehouse.dbt_process import DbtFailedError


@pytest.fixture(scope="module")
def specs() -> dict[tuple[str, ...], dg.AssetSpec]:
    return {tuple(spec.key.path): spec for definition in assets for spec in definition.specs}


def test_a_key_is_schema_and_name_and_the_group_is_the_schema(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    assert {key[0] for key in specs} == {
        "policy",
        "reference",
        "staging",
        "increment",
        "intermediate",
        "marts",
        "quality",
    }
    assert all(spec.group_name == key[0] for key, spec in specs.items())


def test_sources_are_the_assets_of_the_stages_before(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    above = {tuple(dep.asset_key.path) for dep in specs["staging", "stg_pos__sales"].deps}
    assert above == {("clean", "pos_sales"), ("policy", "personal_data_patterns")}
    outside = {tuple(dep.asset_key.path) for spec in specs.values() for dep in spec.deps} - set(specs)
    assert outside == {
        ("clean", "pos_members"),
        ("clean", "pos_sales"),
        ("clean", "ecommerce_customers"),
        ("clean", "ecommerce_orders"),
        ("clean", "ecommerce_events"),
        ("clean", "call_center_cases"),
        ("clean", "call_center_surveys"),
        ("clean", "call_center_outreach"),
        ("identity", "customer_xref"),
        ("identity", "customers"),
        ("quality", "deliveries"),
        ("valuation", "customer_values"),
        ("valuation", "fits"),
        ("valuation", "backtests"),
    }


def test_every_mart_has_an_owner_and_a_description_that_ends_with_its_grain(
    specs: dict[tuple[str, ...], dg.AssetSpec],
) -> None:
    marts = {key[1]: spec for key, spec in specs.items() if key[0] == "marts"}
    assert len(marts) >= 10
    for spec in marts.values():
        assert spec.owners == ["team:data-engineering"]
        assert "One row per " in (spec.description or "").split(". ")[-1]


def test_dbt_tests_are_asset_checks() -> None:
    names = {key.name for definition in assets for key in definition.check_keys}
    assert {"every_cell_has_one_segment_per_version", "every_customer_has_one_tier_per_scheme"} <= names


def check(rows: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False,
        asset_key=["marts", "fct_cases"],
        check_name="every_case_has_a_customer",
        metadata={"dagster_dbt/failed_row_count": rows},
    )


def test_failed_tests_are_a_gate_that_names_them_and_their_rows() -> None:
    assert str(ModelTestsFailedError([check(33), *[check(1)] * 5])).startswith(
        "6 test(s) of the models failed: marts/fct_cases: every_case_has_a_customer (33 rows); "
    )


MEMBERS = dg.AssetKey(["staging", "stg_pos__members"])


@pytest.fixture
def members_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warehouse in which dbt has built the members, one of them twice."""
    monkeypatch.setenv("C360_WAREHOUSE", str(tmp_path))
    monkeypatch.setattr(runner, "write_rules", lambda *_: 0)
    monkeypatch.setattr(runner, "run_dbt", lambda *_: iter(()))
    with connect(Settings()) as con:
        con.execute("create table staging.stg_pos__members as from (values ('m1'), ('m1'), (null)) as t(record_key)")


def failures(*selected: dg.AssetKey) -> list[str]:
    """Build models; the reasons of what failed, and the names of the checks that did not pass."""
    ran = dg.materialize(
        [*assets],
        selection=dg.AssetSelection.assets(*selected),
        resources={"warehouse": Warehouse()},
        raise_on_error=False,
    )
    reasons = [str(e.step_failure_data.error) for e in ran.all_events if e.is_step_failure]
    named = [name for name in ("ModelTestsFailedError", "DbtFailedError") if any(name in r for r in reasons)]
    return named[:1] + sorted(c.check_name for c in ran.get_asset_check_evaluations() if not c.passed)


@pytest.mark.usefixtures("members_twice")
def test_rows_that_break_a_test_fail_the_step_and_their_check() -> None:
    assert failures(MEMBERS) == [
        "ModelTestsFailedError",
        "not_null_stg_pos__members_record_key",
        "unique_stg_pos__members_record_key",
    ]


@pytest.mark.usefixtures("members_twice")
@pytest.mark.parametrize(
    ("built", "reason"),
    [
        pytest.param("stg_pos__members", "ModelTestsFailedError", id="what a broken rule explains"),
        pytest.param("stg_pos__sales", "DbtFailedError", id="what the tests of last night's tables do not"),
    ],
)
def test_a_model_that_cannot_be_built_fails_after_the_tests_of_those_before_it(
    monkeypatch: pytest.MonkeyPatch, built: str, reason: str
) -> None:
    def break_off(_events: object, _context: object, done: set[str]) -> Iterator[Any]:
        done.add(f"model.customer360.{built}")
        yield from ()
        raise DbtFailedError("what dbt said")

    monkeypatch.setattr(warehouse_assets, "_as_dagster_events", break_off)
    assert failures(MEMBERS)[0] == reason
