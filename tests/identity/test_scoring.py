"""The model artefact: trained once, applied unchanged, refused when it cannot be read."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.identity.policy import load_policy
from orchestration.identity.resolve import make_links, make_records
from orchestration.identity.scoring import default_model, read_model, save_model
from orchestration.settings import Settings


def test_a_saved_model_reads_back_the_same(tmp_path: Path) -> None:
    policy = load_policy(Settings().policy_dir, date(2026, 6, 1))
    model = replace(default_model(policy, 1000), provenance={"records": 1000})
    save_model(model, tmp_path / "model.json")
    assert read_model(tmp_path / "model.json") == replace(model, origin="trained")


@pytest.mark.parametrize("content", ["", "{}", '{"format": 99}', "[1]", '{"format": 1, "prior": 0.1}'])
def test_a_model_that_cannot_be_read_says_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"move .* away and run again"):
        read_model(tmp_path / "model.json")


def test_few_records_are_scored_by_the_shipped_model_and_train_none(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", birthday="1990-02-03")
    world.account("A1", "张伟", "13912340002", birthday="1990-02-03")
    assert world.resolve()["links"]["model"] == "shipped"
    assert not (world.settings.warehouse / "identity" / "model.json").exists()


def test_a_model_is_trained_once_and_then_applied_unchanged(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    surnames, given = "张王李赵陈刘杨黄周吴", "伟芳娜强洋静帆磊勇丽"
    for number in range(120):
        name = surnames[number % 10] + given[number // 10 % 10] + given[number % 7]
        born = f"19{60 + number % 40}-0{1 + number % 9}-1{number % 9}"
        world.member(f"M{number}", name, f"139{number * 7919:08d}", birthday=born, gender="male", city="成都市")
        if number % 2:
            world.account(f"A{number}", name, f"139{number * 7919:08d}", birthday=born, gender="male", city="成都市")
    policy = load_policy(world.settings.policy_dir, world.settings.as_of)
    small = replace(policy, limits=policy.limits | {"min_records_to_train": 100})
    monkeypatch.setattr("orchestration.identity.resolve.load_policy", lambda *_: small)
    assert world.resolve()["links"]["model"] == "trained"
    saved = world.settings.warehouse / "identity" / "model.json"
    first = saved.read_bytes()
    provenance = json.loads(first)["provenance"]
    assert provenance["records"] == 180
    assert provenance["trained_on"] == "2026-06-01"
    world.member("M999", "钱七", "13900000999")
    make_records(world.connection, world.settings)
    make_links(world.connection, world.settings)
    assert saved.read_bytes() == first
