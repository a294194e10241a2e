"""Policies that leave a gap, overlap, or name what is not there are refused with file, row and advice."""

import csv
import shutil
from pathlib import Path

import pytest
import yaml

from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse.policy_declaration import DECLARATION
from orchestration.warehouse.scheme_files import check_scheme_files

POLICIES = PROJECT_ROOT / "seeds" / "policy"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the project's policies to spoil."""
    return Path(shutil.copytree(POLICIES, tmp_path / "policy"))


def test_the_schemes_of_the_project_are_sound() -> None:
    assert {"tier_schemes", "lifecycle_rules", "rfm_segments", "rfm_thresholds"} <= set(check_scheme_files(POLICIES))


def test_a_later_version_of_a_scheme_that_is_whole_is_accepted(policies: Path) -> None:
    with (policies / "tier_schemes.csv").open("a", encoding="utf-8") as file:
        file.write("spend_tier,true,2026-07-01,1,gold,黄金,window_spend,20000,,A higher line\n")
        file.write("spend_tier,true,2026-07-01,2,silver,白银,,,,The rest\n")
    with (policies / "evaluation_windows.csv").open("a", encoding="utf-8") as file:
        file.write("spend_days,180,2026-07-01,Half a year\n")
    assert "tier_schemes" in check_scheme_files(policies)


def test_another_scheme_may_become_official_from_a_day_on(policies: Path) -> None:
    file = policies / "tier_schemes.csv"
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for row in [dict(row) for row in rows if row["scheme"] in {"spend_tier", "membership"}]:
        official = "true" if row["scheme"] == "membership" else "false"
        rows.append({**row, "valid_from": "2026-07-01", "official": official})
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert "tier_schemes" in check_scheme_files(policies)


def test_every_metric_that_a_policy_may_name_is_a_column_at_as_of() -> None:
    declared = yaml.safe_load((POLICIES / DECLARATION).read_text(encoding="utf-8"))["seeds"]
    described = yaml.safe_load(
        (PROJECT_ROOT / "models" / "intermediate" / "int_customer_present.yml").read_text(encoding="utf-8")
    )["models"][0]["columns"]
    columns = {column["name"] for column in described}
    named = {
        metric
        for seed in declared
        if seed["name"] in {"tier_schemes", "lifecycle_rules", "rfm_thresholds"}
        for metric in seed["config"]["meta"]["first_match"]["metrics"]
    }
    assert named
    assert named <= columns
