"""What is peculiar to a file is found once, written down, applied unchanged, and never asked of a small file."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.identity.calibration import Calibration, log_odds, read_calibration
from orchestration.identity.policy import load_policy
from orchestration.settings import Settings


def fill(world: Any) -> None:
    for number in range(60):
        name = "王李张刘陈"[number % 5] + "伟芳娜敏静丽"[number // 10] + "强磊军洋勇艳杰涛超明"[number % 10]
        born = f"19{60 + number % 40}-0{1 + number % 9}-1{number % 9}"
        world.member(f"M{number}", name, f"139{number * 7919 + 100000:08d}", birthday=born, city="成都市")
        if number % 2:
            world.account(f"A{number}", name, f"139{number * 7919 + 100000:08d}", birthday=born, city="成都市")


def calibrate_from(records: int, monkeypatch: pytest.MonkeyPatch, world: Any) -> None:
    policy = load_policy(world.settings.policy_dir, world.settings.as_of)
    lowered = replace(policy, limits=policy.limits | {"min_records_to_calibrate": records})
    monkeypatch.setattr("orchestration.identity.resolve.load_policy", lambda *_: lowered)


def file_of(world: Any) -> Path:
    return Path(world.settings.warehouse) / "identity" / "calibration.json"


def test_a_small_file_takes_the_model_as_it_is(world: Any) -> None:
    fill(world)
    world.resolve()
    assert not file_of(world).exists()


def test_a_file_is_calibrated_once_and_later_records_change_nothing(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrate_from(50, monkeypatch, world)
    fill(world)
    world.resolve()
    first = file_of(world).read_bytes()
    (found,) = json.loads(first)["by_prior"].values()
    assert found["records"] == 90
    # Thirty doubles among ninety records: a third of a pair for each.
    assert found["duplicates"] == pytest.approx(log_odds(2 / 3 / 89), abs=0.75)
    assert all(number * 2 == int(number * 2) for name, number in found.items() if name != "records")
    world.member("M999", "钱七", "13900000999")
    # What was found is what the next run reads, to the last digit: otherwise the night after compares everything.
    assert world.resolve()["links"]["comparison"] == "incremental"
    assert file_of(world).read_bytes() == first


def test_a_damaged_calibration_says_what_to_do_and_an_older_one_is_found_anew(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    assert read_calibration(file) == {}
    file.write_text('{"format": 1, "by_prior": {"0.001": {"records": 9}}}', encoding="utf-8")
    assert read_calibration(file) == {}
    file.write_text('{"format": 2, "by_prior": {"0.001": {}}}', encoding="utf-8")
    with pytest.raises(UserError, match=r"move it away and the next refresh makes a new one"):
        read_calibration(file)


def test_what_holds_is_known_before_the_run_unless_it_is_yet_to_be_found(tmp_path: Path) -> None:
    policy = load_policy(Settings().policy_dir, date(2026, 6, 1))
    assert Calibration(policy, tmp_path / "c.json", 0.0005, 10).in_force() is not None
    assert Calibration(policy, tmp_path / "c.json", 0.0005, 100_000).in_force() is None
