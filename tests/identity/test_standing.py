"""Links are made where something that decides them changed, and only then."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from orchestration.identity import resolve as stage
from orchestration.identity.clustering import cluster_records
from orchestration.identity.decisions import Decision, RecordRef, append_decisions, decisions_file
from orchestration.identity.policy import load_policy

MADE = ("links", "clusters", "review_queue", "learned_blocks", "decisions", "subjects")


def outcome(world: Any) -> dict[str, list[tuple[Any, ...]]]:
    return {table: world.rows(f"from identity.{table} order by all") for table in MADE}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by a word each time that links are made."""
    times: list[str] = []

    def counted(*arguments: Any, **how: Any) -> Any:
        times.append("made")
        return cluster_records(*arguments, **how)

    monkeypatch.setattr(stage, "cluster_records", counted)
    return times


def test_links_of_which_nothing_changed_stand_and_tell_what_they_told(world: Any, made: list[str]) -> None:
    world.deliver_night(random.Random(4), 0)  # noqa: S311 - a test's own chance
    first, before = world.resolve()["links"], outcome(world)
    second = world.resolve()["links"]
    assert made == ["made"]
    assert outcome(world) == before
    assert (second["comparison"], second["pairs_compared"]) == ("incremental", 0)
    assert second["records_unchanged"] == first["records_compared"] > 0
    for told in ("clusters", "links_by_rule", "decisions", "learned_blocks", "pairs_to_review", "model"):
        assert second[told] == first[told]


def test_whatever_decides_links_makes_them_again(world: Any, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = RecordRef("pos.members", "M1"), RecordRef("pos.members", "M2")

    def decide() -> None:
        word = Decision(one, other, "same", "lin", date(2026, 5, 20), "one person")
        append_decisions(decisions_file(world.settings.warehouse), [word])

    def another_rule() -> None:
        policy = load_policy(world.settings.policy_dir, world.settings.as_of)
        other_limits = replace(policy, limits=policy.limits | {"review_probability": 0.4})
        monkeypatch.setattr(stage, "load_policy", lambda *_: other_limits)

    world.member("M1", "张伟", "13912340001")
    world.member("M2", "李娜", "13912340002")
    world.resolve()
    changes: tuple[Callable[[], Any], ...] = (
        lambda: world.case("C1", "张先生", "13912340001"),
        decide,
        another_rule,
        lambda: world.connection.execute("drop table identity.review_queue"),
    )
    for number, change in enumerate(changes, start=2):
        change()
        world.resolve()
        assert len(made) == number


def test_a_run_that_is_broken_off_leaves_no_links_that_stand(
    world: Any, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.member("M1", "张伟", "13912340001")
    world.account("A1", "张伟", "13912340001")
    world.resolve()
    before = outcome(world)
    world.account("A2", "张伟", "13912340001")
    with monkeypatch.context() as broken:
        broken.setattr(stage, "write_learned_blocks", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.resolve()
    assert outcome(world) != before
    world.connection.execute("delete from clean.ecommerce_customers where account_id = 'A2'")
    world.resolve()
    assert len(made) == 3
    assert outcome(world) == before
