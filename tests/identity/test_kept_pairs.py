"""What is kept of compared pairs: when it is used, and what it may not hold; that it changes nothing: test_nights."""

import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestration.identity import kept_pairs
from orchestration.identity import resolve as stage
from orchestration.identity.policy import load_policy


def outcome(world: Any) -> dict[str, list[tuple[Any, ...]]]:
    clusters = """
        select r.source, r.record_key, o.source, o.record_key, c.matched_by, c.confidence
        from identity.clusters as c
        inner join identity.records as r using (record_id)
        left join identity.records as o on o.record_id = c.cluster
        order by all
    """
    return {
        "links": world.rows("from identity.links order by all"),
        "review": world.rows("from identity.review_queue order by all"),
        "clusters": world.rows(clusters),
    }


def kept(world: Any) -> Path:
    return Path(world.settings.warehouse / "identity" / "kept_pairs")


def test_a_night_without_news_compares_no_pair(world: Any) -> None:
    world.deliver_night(random.Random(4), 0)  # noqa: S311 - a test's own chance
    first = world.resolve()["links"]
    world.connection.execute("delete from identity.links_decided_by")
    second = world.resolve()["links"]
    assert (first["comparison"], second["comparison"]) == ("full", "incremental")
    assert first["full_because"] == "nothing is kept of an earlier run"
    assert first["pairs_compared"] > 0 == second["pairs_compared"]
    assert second["records_unchanged"] == second["records_compared"]


def test_a_block_that_shrinks_below_its_limit_is_compared_although_nobody_in_it_changed(
    world: Any, tight: None
) -> None:
    for number in range(5):
        world.member(f"M{number}", "张伟", None, birthday="1990-02-03", city="成都市")
    world.resolve()
    assert world.rows("from identity.links") == []
    world.connection.execute("delete from clean.pos_members where member_id = 'M4'")
    report = world.resolve()["links"]
    assert (report["comparison"], report["records_unchanged"]) == ("incremental", 4)
    assert report["links_by_rule"] == {"probabilistic": 6}


def test_a_changed_rule_or_model_compares_everything_and_says_so(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.deliver_night(random.Random(5), 0)  # noqa: S311 - a test's own chance
    world.resolve()

    def load(*arguments: Any) -> Any:
        policy = load_policy(*arguments)
        return replace(policy, limits=policy.limits | {"review_probability": 0.4})

    monkeypatch.setattr(stage, "load_policy", load)
    report = world.resolve()["links"]
    assert report["comparison"] == "full"
    assert report["full_because"] == "changed since the last run: policy"


def test_every_module_that_decides_scores_is_one_whose_change_lets_nothing_hold() -> None:
    """What scoring imports of its room, and they in turn, but for the policy, whose rows are compared instead."""
    room = Path(kept_pairs.__file__).parent
    wanted, found = ["scoring"], set()
    while wanted:
        module = wanted.pop()
        if module not in found | {"policy"}:
            found.add(module)
            text = (room / f"{module}.py").read_text(encoding="utf-8")
            wanted += re.findall(r"^from orchestration[.]identity[.](\w+) import", text, re.MULTILINE)
    assert sorted(f"{module}.py" for module in found) == sorted(kept_pairs.CODE)


@pytest.mark.parametrize("file", ["pairs.parquet", "fingerprints.json"])
def test_damaged_files_cost_a_full_comparison_and_no_more(world: Any, file: str) -> None:
    world.deliver_night(random.Random(6), 0)  # noqa: S311 - a test's own chance
    world.resolve()
    before = outcome(world)
    (kept(world) / file).write_bytes(b"no such thing")
    world.connection.execute("delete from identity.links_decided_by")
    report = world.resolve()["links"]
    assert report["full_because"] == "what was kept of the last run cannot be read"
    assert outcome(world) == before


def test_what_is_kept_holds_no_value_of_a_person(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", birthday="1990-02-03")
    world.account("A1", "张伟", "13912340001", email="zhangwei@qq.com")
    world.resolve()
    for file in kept(world).glob("*.parquet"):
        columns = {c for (c, *_) in world.rows(f"describe from read_parquet('{file}')")}
        assert not columns & {"name", "phone", "email", "address", "birthday"} or file.name == "pairs.parquet"
        text = " ".join(str(r) for r in world.rows(f"from read_parquet('{file}')"))
        assert not any(value in text for value in ("张伟", "3912340001", "zhangwei", "1990"))
