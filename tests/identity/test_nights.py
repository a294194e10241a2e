"""Nights give, row for row, what a full rebuild gives from the same clean tables, ledger of ids and decisions."""

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.identity import resolve as stage
from orchestration.identity.decisions import Decision, RecordRef, append_decisions, decisions_file, revoke

TABLES = (
    "records", "mentions", "subjects", "links", "clusters", "review_queue", "learned_blocks", "decisions",
    "customer_xref", "id_history", "id_moves", "id_redirects", "id_stability", "customers", "golden_values",
    "households",
)  # fmt: skip
LAST = 3
WHY = {0: "nothing is kept", LAST: "policy"}
PEOPLE = "select source, record_key from identity.records where source in ('pos.members', 'ecommerce.customers')"


def outcome(world: Any) -> dict[str, list[tuple[Any, ...]]]:
    return {table: world.rows(f"from identity.{table} order by all") for table in TABLES}


def rebuild(world: Any, new_world: Callable[[Path], Any], ledger: Path) -> Any:
    """Resolve the clean tables of `world` in an empty database that knows the ids of `ledger` and nothing else."""
    other = new_world(ledger.parent)
    (other.settings.warehouse / "identity").mkdir(parents=True)
    for file in ledger.glob("*.*"):
        shutil.copy(file, other.settings.warehouse / "identity" / file.name)
    for (table,) in world.rows("select table_name from duckdb_tables() where schema_name = 'clean'"):
        rows = world.connection.sql(f"from clean.{table}").to_arrow_table()  # noqa: F841 - read by its name
        other.connection.execute(f"create or replace table clean.{table} as from rows")
    stage.resolve(other.connection, other.settings)
    return other


def decide(world: Any, chance: random.Random, night: int) -> None:
    """Say of two people that they are one, or are not, or take back what was said the night before."""
    file = decisions_file(world.settings.warehouse)
    told = [RecordRef(*r) for r in world.rows(f"{PEOPLE} order by all")]
    linked = world.rows(
        "select left_source, left_record_key, right_source, right_record_key from identity.links "
        "where right_source in ('pos.members', 'ecommerce.customers') order by all"
    )
    one, other = chance.sample(told, 2)
    decisions = [Decision(one, other, "same", "lin", date(2026, 5, 20), "the same person")]
    if linked:
        pair = chance.choice(linked)
        decisions.append(
            Decision(
                RecordRef(*pair[:2]), RecordRef(*pair[2:]), "different", "lin", date(2026, 5, 20), "father and son"
            )
        )
    append_decisions(file, decisions)
    if night == LAST:
        revoke(file, one, other, "wang", date(2026, 5, 21))


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
@pytest.mark.usefixtures("tight")
def test_nights_in_any_order_give_what_a_full_rebuild_gives(
    world: Any, new_world: Callable[[Path], Any], tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's own chance
    ledger, load = world.settings.warehouse / "identity", stage.load_policy
    ledger.mkdir(parents=True)
    for turn, night in enumerate([0, *chance.sample([1, 2, 3], 3)]):
        world.deliver_night(chance, night)
        if turn > 1:
            decide(world, chance, turn)
        if turn == LAST:
            monkeypatch.setattr(stage, "load_policy", lambda *known: other_survivors(load(*known)))
        before = shutil.copytree(ledger, tmp_path / str(turn) / "ledger")
        report = world.resolve()
        assert report["links"]["comparison"] == ("incremental" if turn else "full")
        assert report["customers"]["full_because"].startswith(WHY.get(turn, ""))
        if not turn:
            continue
        other = rebuild(world, new_world, before)
        found, expected = outcome(world), outcome(other)
        assert [t for t in TABLES if found[t] != expected[t]] == []
        other.connection.close()


def other_survivors(policy: Any) -> Any:
    """Another policy of survivorship: what came last comes first."""
    return replace(policy, survivorship=tuple(replace(r, strategies=r.strategies[::-1]) for r in policy.survivorship))


def test_a_night_without_news_makes_no_golden_record_anew(world: Any) -> None:
    world.deliver_night(random.Random(1), 0)  # noqa: S311 - a test's own chance
    first = world.resolve()["customers"]
    before = outcome(world)
    second = world.resolve()["customers"]
    assert first["golden_records_due"] == first["customers"] > 0 == second["golden_records_due"]
    assert {**outcome(world), "id_stability": before["id_stability"]} == before


def test_a_broken_off_step_leaves_golden_records_that_are_made_again(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.member("M1", "张伟", "13912340001", city="成都市")
    world.member("M2", "李芳", "13912340002")
    world.resolve()
    world.connection.execute("update clean.pos_members set city = '杭州市' where member_id = 'M1'")
    with monkeypatch.context() as broken:
        broken.setattr("orchestration.identity.golden.note_recipe", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.resolve()
    assert world.rows("select city from identity.customers where city is not null") == [("成都市",)]
    assert world.resolve()["customers"]["golden_records_due"] == 1
    assert world.rows("select city from identity.customers where city is not null") == [("杭州市",)]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("delete from identity.customers", "what is kept of the last run is incomplete"),
        ("drop table identity.golden_contents", "nothing is kept of an earlier run"),
        ("drop table identity.golden_values", "nothing is kept of an earlier run"),
    ],
)
def test_what_was_lost_of_golden_records_is_made_again(world: Any, damage: str, why: str) -> None:
    world.member("M1", "张伟", "13912340001")
    world.resolve()
    before = outcome(world)
    world.connection.execute(damage)
    report = stage.make_customers(world.connection, world.settings)
    assert (report["golden_records_due"], report["full_because"]) == (1, why)
    assert outcome(world) == before
