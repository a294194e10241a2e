"""Policies and word lists in Dagster: every file is there, and something uses it."""

from pathlib import Path

import dagster as dg
import pytest

from orchestration.assets import assets
from orchestration.policy_tables import BESIDE_LINEAGE

ROOT = Path(__file__).parents[1]
# No table is made from what watching, exporting and `c360 contract suggest` read.
NOT_DATA = {("policy", name) for name in BESIDE_LINEAGE} | {("reference", "header_terms")}


@pytest.fixture(scope="module")
def specs() -> dict[tuple[str, ...], dg.AssetSpec]:
    from orchestration.definitions import defs

    return {tuple(spec.key.path): spec for spec in defs.resolve_all_asset_specs()}


def test_every_policy_and_word_list_is_an_asset(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    files = {
        (group, path.stem)
        for group in ("policy", "reference")
        for path in (ROOT / "seeds" / group).iterdir()
        if path.suffix in {".csv", ".parquet"}
    }
    assert files - NOT_DATA == {key for key in specs if key[0] in {"policy", "reference"}}


def test_lineage_leads_from_every_rule_to_what_it_decides(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    used = {tuple(dep.asset_key.path) for spec in specs.values() for dep in spec.deps}
    assert {key for key in specs if key[0] in {"policy", "reference"}} <= used


def test_a_rule_file_tells_its_path_and_columns() -> None:
    tokens = next(spec for spec in assets if spec.key.path[-1] == "null_tokens")
    assert tokens.metadata["file"] == "seeds/policy/null_tokens.csv"
    assert [column.name for column in tokens.metadata["dagster/column_schema"].columns][-1] == "why"
    assert all("One row per " in (spec.description or "") for spec in assets)


def test_only_marts_and_what_is_published_are_watched_for_age(specs: dict[tuple[str, ...], dg.AssetSpec]) -> None:
    watched = {key[0] for key, spec in specs.items() if spec.freshness_policy is not None}
    assert watched == {"marts", "serving"}
    assert all(spec.freshness_policy is not None for key, spec in specs.items() if key[0] in watched)
