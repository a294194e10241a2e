"""What Dagster loads: a snapshot of every asset, check, job, schedule and sensor.

After a wanted change write it anew: `.venv/bin/python -m tests.test_definitions`.
"""

from pathlib import Path

import dagster as dg
import pytest

SNAPSHOT = Path(__file__).parent / "definitions.snapshot"
GROUPS = {
    "raw",
    "clean",
    "identity",
    "policy",
    "reference",
    "staging",
    "valuation",
    "increment",
    "intermediate",
    "marts",
    "quality",
    "serving",
}


def listing() -> str:
    """Every definition, a line each, sorted."""
    from orchestration.definitions import defs

    lines = [f"asset {spec.key.to_user_string()}" for spec in defs.resolve_all_asset_specs()]
    graph = defs.resolve_asset_graph()
    lines += [f"check {key.asset_key.to_user_string()} {key.name}" for key in graph.asset_check_keys]
    lines += [f"job {job.name}" for job in defs.jobs or []]
    lines += [f"schedule {schedule.name} {schedule.cron_schedule}" for schedule in defs.schedules or []]
    lines += [f"sensor {sensor.name}" for sensor in defs.sensors or []]
    return "\n".join(sorted(set(lines))) + "\n"


@pytest.fixture(scope="module")
def specs() -> list[dg.AssetSpec]:
    from orchestration.definitions import defs

    return list(defs.resolve_all_asset_specs())


def test_the_definitions_are_those_of_the_snapshot() -> None:
    assert listing() == SNAPSHOT.read_text(encoding="utf-8")


def test_every_asset_stands_in_the_group_of_its_stage(specs: list[dg.AssetSpec]) -> None:
    assert {spec.group_name for spec in specs} <= GROUPS
    assert all(spec.group_name == spec.key.path[0] for spec in specs)


def test_every_asset_says_what_it_is_and_who_owns_it(specs: list[dg.AssetSpec]) -> None:
    silent = [s.key.to_user_string() for s in specs if not s.description or not s.owners or not s.kinds]
    assert silent == []


def test_no_asset_is_an_orphan(specs: list[dg.AssetSpec]) -> None:
    used = {dependency.asset_key for spec in specs for dependency in spec.deps}
    orphans = [s.key.to_user_string() for s in specs if not s.deps and s.key not in used]
    assert orphans == []


if __name__ == "__main__":
    SNAPSHOT.write_text(listing(), encoding="utf-8")
