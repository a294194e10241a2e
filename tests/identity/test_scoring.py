"""The model artefact: shipped, trained on purpose, applied unchanged, refused when it cannot be read."""

import json
from dataclasses import replace
from datetime import date
from math import inf, log2
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.identity.deterministic import describe_subjects
from orchestration.identity.match_weights import COMPARED
from orchestration.identity.name_shares import write_name_shares
from orchestration.identity.policy import load_policy
from orchestration.identity.resolve import make_links, make_records
from orchestration.identity.scoring import default_model, read_model, save_model
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
    counted = {"priors": ((inf, 0.001),), "names": {"张伟": 0.0002}, "sounds": {"aeghinwz": 0.0004}, "unlisted": 0.0001}
    model = replace(shipped(), provenance={"records": 1000}, **counted)
    save_model(model, tmp_path / "model.json")
    assert read_model(tmp_path / "model.json") == replace(model, origin="trained")


@pytest.mark.parametrize(
    "content",
    ["", "{}", '{"format": 99}', "[1]", '{"format": 4, "prior": 0.1}', '{"format": 4, "m": 1}'],
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


def test_a_pair_weighs_the_same_whatever_else_arrives(world: Any) -> None:
    def weight() -> list[tuple[Any, ...]]:
        return world.rows("select match_weight from identity.links where left_record_key = 'M1'")  # type: ignore[no-any-return]

    world.member("M1", "张伟", "13912340001", birthday="1990-02-03", city="成都市")
    world.account("A1", "张伟", "13912340002", birthday="1990-02-03", city="成都市")
    world.resolve()
    alone = weight()
    assert len(alone) == 1
    for number in range(200):
        world.member(
            f"N{number}", "张伟", f"1380000{number:04d}", birthday=f"19{60 + number % 30}-05-06", city="长沙市"
        )
    world.resolve()
    assert weight() == alone


def test_the_shipped_prior_falls_with_the_order_of_magnitude_and_a_trained_one_stands_still() -> None:
    model = shipped()
    assert model.prior(100) == model.prior(10_000) > model.prior(10_001) == model.prior(100_000)
    trained = replace(model, priors=((inf, 0.0004),))
    assert trained.prior(10) == trained.prior(10_000_000) == 0.0004


def test_common_names_weigh_less_than_rare_ones_and_a_trained_model_knows_its_own(world: Any) -> None:
    policy = load_policy(world.settings.policy_dir, world.settings.as_of)
    for number, name in enumerate(["张伟", "欧阳婧雯", "John Smith", "Anna Kowalski", "买买提·艾力"]):
        world.member(f"M{number}", name, f"1391234000{number}")
    world.resolve()
    describe_subjects(world.connection, policy)

    def shares(**counted: Any) -> dict[str, tuple[float | None, float | None]]:
        names, sounds = counted.get("names", {}), counted.get("sounds", {})
        write_name_shares(world.connection, policy, names, sounds, counted.get("unlisted", 1.0))
        query = "select name_key, name_share, sound_share from name_shares inner join subjects using (record_id)"
        return {name: (one, two) for name, one, two in world.rows(query)}

    reference = shares()
    assert reference["张伟"][0] > 5 * reference["欧阳婧雯"][0]  # type: ignore[operator]
    assert reference["张伟"][1] > reference["张伟"][0]  # type: ignore[operator]
    assert reference["买买提艾力"][0] == policy.limit("least_name_share")
    assert "john smith" not in reference
    key = world.rows("select name_key from subjects where surname = 'Smith'")[0][0]
    learned = shares(names={key: 0.03}, unlisted=0.00002)
    assert learned[key][0] == 0.03
    assert learned["张伟"][0] == 0.00002


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
        train_model(world.connection, world.settings, "lin", "first year")


def test_a_model_trained_on_purpose_is_applied_unchanged_from_then_on(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world)
    policy = load_policy(world.settings.policy_dir, world.settings.as_of)
    small = replace(policy, limits=policy.limits | {"min_records_to_train": 100})
    monkeypatch.setattr("orchestration.identity.training.load_policy", lambda *_: small)
    assert world.resolve()["links"]["model"] == "shipped"
    model = train_model(world.connection, world.settings, "lin", "first year")
    saved = world.settings.warehouse / "identity" / "model.json"
    first = saved.read_bytes()
    provenance = json.loads(first)["provenance"]
    assert provenance["records"] == 180
    assert (provenance["trained_on"], provenance["trained_by"]) == ("2026-06-01", "lin")
    assert model.m["name"]["same"] > model.m["name"]["different"]
    assert train_model(world.connection, world.settings, "lin", "first year") == model
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
