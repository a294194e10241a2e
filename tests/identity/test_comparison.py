"""Every level of agreement between two written values, case by case through the dictionaries."""

import csv
from pathlib import Path
from typing import Any

import pytest

from orchestration.identity.comparison import compare_pairs
from orchestration.identity.deterministic import describe_subjects
from orchestration.identity.policy import load_policy
from orchestration.identity.records import build_records, register_policy

CASES = Path(__file__).parents[1] / "cases" / "identity_levels.csv"
CITIES = {"Granville": "Granville", "Chicago": "Chicago"}


def cases() -> list[dict[str, str]]:
    with CASES.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def level(world: Any, field: str, left: str, right: str) -> str:
    for key, value in (("M1", left), ("M2", right)):
        city = next((c for c in CITIES if c in value), None)
        if field == "email":
            world.account(key, "测试人", email=value)
        else:
            world.member(key, **{field: value} | ({"city": city} if city else {}))
    world.build_dictionaries()
    policy = load_policy(world.settings.policy_dir, world.settings.as_of)
    register_policy(world.connection, policy)
    build_records(world.connection, policy)
    describe_subjects(world.connection, policy)
    world.connection.execute("create temp table two as select min(record_id) as l, max(record_id) as r from subjects")
    compare_pairs(world.connection, policy, "two", "levels")
    return str(world.rows(f"select {field} from levels")[0][0])


@pytest.mark.parametrize("case", cases(), ids=lambda c: f"{c['field']}: {c['left']} / {c['right']}")
def test_two_written_values_reach_the_level_that_a_person_would_say(world: Any, case: dict[str, str]) -> None:
    assert level(world, case["field"], case["left"], case["right"]) == case["level"], case["why"]


@pytest.mark.parametrize("case", cases()[::5], ids=lambda c: f"{c['field']}: {c['right']} / {c['left']}")
def test_the_level_does_not_depend_on_the_order(world: Any, case: dict[str, str]) -> None:
    assert level(world, case["field"], case["right"], case["left"]) == case["level"], case["why"]
