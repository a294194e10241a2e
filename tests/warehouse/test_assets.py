"""How the dbt project appears in Dagster."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from orchestration.warehouse.assets import ModelTestsFailedError, _with_failed_tests, assets
from orchestration.warehouse.dbt_process import DbtFailedError


@pytest.fixture(scope="module")
def specs() -> dict[tuple[str, ...], dg.AssetSpec]:
    return {tuple(spec.key.path): spec for definition in assets for spec in definition.specs}


def test_a_key_is_schema_and_name_and_the_group_is_the_schema(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    assert {key[0] for key in specs} == {"policy", "reference", "staging", "intermediate", "marts", "quality"}
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


def dbt_that_fails(*checks: dg.AssetCheckResult, only_tests: bool) -> Iterator[Any]:
    yield from checks
    raise DbtFailedError("what dbt said", only_tests=only_tests)


def check(passed: bool, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=["marts", "fct_cases"],
        check_name="every_case_has_a_customer",
        severity=severity,
        metadata={"dagster_dbt/failed_row_count": 33},
    )


def test_failed_tests_are_a_gate_that_names_them_and_their_rows() -> None:
    with pytest.raises(ModelTestsFailedError, match=r"marts/fct_cases: every_case_has_a_customer \(33 rows\)"):
        list(_with_failed_tests(dbt_that_fails(check(True), check(False), only_tests=True)))


@pytest.mark.parametrize(
    ("checks", "only_tests"),
    [
        ([check(False)], False),
        ([check(True)], False),
        ([check(False, dg.AssetCheckSeverity.WARN)], True),
    ],
)
def test_a_model_that_cannot_be_built_is_no_gate(checks: list[dg.AssetCheckResult], only_tests: bool) -> None:
    with pytest.raises(DbtFailedError):
        list(_with_failed_tests(dbt_that_fails(*checks, only_tests=only_tests)))
