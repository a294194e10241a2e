"""The model artefact: shipped, trained on purpose, applied unchanged, refused when it cannot be read."""

import json
from dataclasses import replace
from datetime import date
from math import log2
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.identity.policy import load_policy
from orchestration.identity.resolve import make_links, make_records
from orchestration.identity.scoring import COMPARED, default_model, read_model, save_model
from orchestration.identity.training import train_model
from orchestration.settings import Settings


def shipped() -> Any:
    return default_model(load_policy(Settings().policy_dir, date(2026, 6, 1)))


def test_the_shipped_shares_of_each_comparison_sum_to_one() -> None:
    model = shipped()
    for comparison in COMPARED:
        assert sum(model.m[comparison].values()) == pytest.approx(1, abs=0.02), comparison
        assert sum(model.u[comparison].values()) == pytest.approx(1, abs=0.02), comparison


@pytest.mark.parametrize("comparison", COMPARED)
def test_the_shipped_levels_speak_for_one_person_less_and_less(comparison: str) -> None:
    model = shipped()
    levels = list(model.m[comparison])
    weights = [log2(model.m[comparison][x] / model.u[comparison][x]) for x in levels]
    assert weights[0] > 0 > weights[-1]


def test_a_saved_model_reads_back_the_same(tmp_path: Path) -> None:
    model = replace(shipped(), provenance={"records": 1000})
    save_model(model, tmp_path / "model.json")
    assert read_model(tmp_path / "model.json") == replace(model, origin="trained")


@pytest.mark.parametrize(
    "content",
    ["", "{}", '{"format": 99}', "[1]", '{"format": 2, "pairs_per_record": 0.1}', '{"format": 2, "m": 1}'],
)
def test_a_model_that_cannot_be_read_says_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"move .* away"):
        read_model(tmp_path / "model.json")


def test_a_refresh_trains_no_model_however_many_records(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", birthday="1990-02-03")
    world.account("A1", "张伟", "13912340002", birthday="1990-02-03")
    assert world.resolve()["links"]["model"] == "shipped"
    assert not (world.settings.warehouse / "identity" / "model.json").exists()


def fill(world: Any) -> None:
    surnames, given = "张王李赵陈刘杨黄周吴", "伟芳娜强洋静帆磊勇丽"
    for number in range(120):
        name = surnames[number % 10] + given[number // 10 % 10] + given[number % 7]
        born = f"19{60 + number % 40}-0{1 + number % 9}-1{number % 9}"
        world.member(f"M{number}", name, f"139{number * 7919:08d}", birthday=born, gender="male", city="成都市")
        if number % 2:
            world.account(f"A{number}", name, f"139{number * 7919:08d}", birthday=born, gender="male", city="成都市")


def test_training_on_too_few_records_is_refused_with_the_number_it_needs(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    world.build_dictionaries()
    make_records(world.connection, world.settings)
    with pytest.raises(UserError, match=r"needs 5000 person records"):
        train_model(world.connection, world.settings)


def test_a_model_trained_on_purpose_is_applied_unchanged_from_then_on(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world)
    policy = load_policy(world.settings.policy_dir, world.settings.as_of)
    small = replace(policy, limits=policy.limits | {"min_records_to_train": 100})
    monkeypatch.setattr("orchestration.identity.training.load_policy", lambda *_: small)
    assert world.resolve()["links"]["model"] == "shipped"
    model = train_model(world.connection, world.settings)
    saved = world.settings.warehouse / "identity" / "model.json"
    first = saved.read_bytes()
    provenance = json.loads(first)["provenance"]
    assert provenance["records"] == 180
    assert provenance["trained_on"] == "2026-06-01"
    assert model.m["name"]["same"] > model.m["name"]["different"]
    assert train_model(world.connection, world.settings) == model
    assert saved.read_bytes() == first
    world.member("M999", "钱七", "13900000999")
    world.build_dictionaries()
    make_records(world.connection, world.settings)
    assert make_links(world.connection, world.settings)["model"] == "trained"
    assert saved.read_bytes() == first


def test_scores_are_the_same_from_run_to_run(world: Any) -> None:
    fill(world)
    world.resolve()
    scores = "select * from identity.links order by all"
    first = world.rows(scores)
    assert first
    make_records(world.connection, world.settings)
    make_links(world.connection, world.settings)
    assert world.rows(scores) == first
