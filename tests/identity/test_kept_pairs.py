"""A night that compares only what is new or changed gives what a full run gives on the same data."""

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestration.identity import resolve as stage
from orchestration.identity.policy import load_policy
from orchestration.identity.resolve import make_customer_ids, make_links, make_records

SURNAMES, GIVEN, CITIES = "张王李赵", ["伟", "芳", "晓明", "小明", "建国", "丽"], ["成都市", "杭州市"]


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of at most four records and few people to a number, so that small worlds cross every limit."""

    small = {"max_people_per_phone": 3, "max_records_per_phone": 9, "min_common_address_word": 4}

    def load(*arguments: Any) -> Any:
        policy = load_policy(*arguments)
        return replace(
            policy,
            limits=policy.limits | small,
            blocking_rules=tuple(replace(r, max_block_size=4) for r in policy.blocking_rules),
        )

    monkeypatch.setattr(stage, "load_policy", load)


def somebody(chance: random.Random) -> dict[str, Any]:
    name = chance.choice(SURNAMES) + chance.choice(GIVEN)
    number = chance.randrange(12)
    title = chance.choice(["", "", "先生", "女士"])
    return {
        "name": chance.choice([name, name, name, name[0] + title if title else name]),
        "phone": chance.choice([f"1391234{number:04d}", f"1391234{number:04d}", None]),
        "birthday": chance.choice([f"19{80 + number}-0{1 + number % 9}-11", None]),
        "city": chance.choice(CITIES),
        "address": chance.choice([f"春熙路{number % 4}号{number}室", None]),
    }


def deliver(world: Any, chance: random.Random, night: int) -> None:
    """New, changed and deleted records; a mention may be older than those that came before."""
    day = f"2026-05-{night + 1:02d}"
    for number in range(14 if night == 0 else 4):
        person = somebody(chance)
        key = f"{night}-{number}"
        if chance.random() < 0.5:
            world.member(f"M{key}", delivered=day, **person)
        else:
            email = chance.choice([None, f"user{chance.randrange(5)}@qq.com"])
            world.account(f"A{key}", delivered=day, email=email, **person)
        opened = f"2026-0{chance.randrange(1, 6)}-10 10:00"
        world.case(f"K{key}", person["name"], person["phone"], delivered=day, opened_at=opened)
        if chance.random() < 0.3:
            world.ticket(f"T{key}", phone=person["phone"], delivered=day, sold_at=opened)
    if night == 0:
        return
    for table in ("pos_members", "ecommerce_customers"):
        keys = [k for (k,) in world.rows(f"select record_key from clean.{table} order by 1")]
        other = somebody(chance)
        world.connection.execute(
            f"update clean.{table} set name = ?, phone = ?, birthday = ? where record_key = ?",
            [other["name"], other["phone"], other["birthday"], chance.choice(keys)],
        )
        world.connection.execute(f"delete from clean.{table} where record_key = ?", [chance.choice(keys)])
    world.connection.execute("delete from clean.call_center_cases where record_key = ?", [f"K{night - 1}-1"])


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


@pytest.fixture
def nights(world: Any, tight: None, request: pytest.FixtureRequest) -> tuple[Any, random.Random]:
    return world, random.Random(request.param)  # noqa: S311 - a test's own chance


@pytest.mark.parametrize(
    "nights", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 7))], indirect=True
)
def test_nights_of_new_changed_and_deleted_records_give_what_a_full_run_gives(nights: Any) -> None:
    world, chance = nights
    reused = 0
    for night in range(4):
        deliver(world, chance, night)
        world.build_dictionaries()
        make_records(world.connection, world.settings)
        report = make_links(world.connection, world.settings)
        make_customer_ids(world.connection, world.settings)
        assert report["comparison"] == ("incremental" if night else "full")
        assert (report["records_unchanged"] > 0) == (night > 0)
        reused += report["scored_pairs_reused"]
        incremental = outcome(world)
        aside = kept(world).rename(kept(world).with_name("aside"))
        full = make_links(world.connection, world.settings)
        assert full["comparison"] == "full"
        assert outcome(world) == incremental
        assert report["pairs_compared"] < full["pairs_compared"] or night == 0
        shutil.rmtree(kept(world))
        aside.rename(kept(world))
    assert reused > 0


def test_a_night_without_news_compares_no_pair(world: Any) -> None:
    deliver(world, random.Random(4), 0)  # noqa: S311 - a test's own chance
    first = world.resolve()["links"]
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
    deliver(world, random.Random(5), 0)  # noqa: S311 - a test's own chance
    world.resolve()

    def load(*arguments: Any) -> Any:
        policy = load_policy(*arguments)
        return replace(policy, limits=policy.limits | {"review_probability": 0.4})

    monkeypatch.setattr(stage, "load_policy", load)
    report = world.resolve()["links"]
    assert report["comparison"] == "full"
    assert report["full_because"] == "changed since the last run: policy"


@pytest.mark.parametrize("file", ["pairs.parquet", "fingerprints.json"])
def test_damaged_files_cost_a_full_comparison_and_no_more(world: Any, file: str) -> None:
    deliver(world, random.Random(6), 0)  # noqa: S311 - a test's own chance
    world.resolve()
    before = outcome(world)
    (kept(world) / file).write_bytes(b"no such thing")
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
