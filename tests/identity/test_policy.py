"""Policy files: which row is in force, and what a mistake in them says."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.identity.policy import load_policy
from orchestration.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = tmp_path / "policy"
    shutil.copytree(Settings().policy_dir, copied)
    return copied


def append(folder: Path, file: str, line: str) -> None:
    with (folder / file).open("a", encoding="utf-8") as handle:
        handle.write(line + "\n")


def test_the_newest_row_that_has_begun_is_in_force(folder: Path) -> None:
    append(folder, "identity_limits.csv", "max_people_per_phone,9,distinct full names,2026-01-01,trial")
    assert load_policy(folder, date(2025, 12, 31)).limit("max_people_per_phone") == 6
    assert load_policy(folder, date(2026, 1, 1)).limit("max_people_per_phone") == 9


def test_a_rule_can_be_switched_off_from_a_day(folder: Path) -> None:
    append(folder, "identity_rules.csv", "phone_only,0.85,no,2026-01-01,too many households")
    assert "phone_only" in load_policy(folder, date(2025, 12, 31)).confidences
    assert "phone_only" not in load_policy(folder, date(2026, 1, 1)).confidences


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("identity_limits.csv", "max_people_per_phone,many,names,2026-01-01,x", "value `many` is not a number"),
        ("identity_limits.csv", "max_people_per_phone,3,names,1.1.2026,x", "valid_from `1.1.2026` is not a date"),
        ("identity_limits.csv", "max_people_per_phone,3,names,2026-01-01,", "no value for why"),
        ("identity_rules.csv", "email,0.9,maybe,2026-01-01,x", "enabled `maybe` must be yes or no"),
        ("blocking_rules.csv", "mine,phone + shoe_size,9,yes,2026-01-01,x", "keys names `shoe_size`, which is no key"),
        ("blocking_rules.csv", "mine,,9,yes,2026-01-01,x", "keys names ``, which is no key"),
        ("blocking_rules.csv", "mine,left(phone; 3),9,yes,2026-01-01,x", r"keys names `left\(phone; 3\)`"),
    ],
)
def test_a_mistake_names_file_line_and_value(folder: Path, file: str, line: str, message: str) -> None:
    append(folder, file, line)
    with pytest.raises(UserError, match=message) as caught:
        load_policy(folder, date(2026, 6, 1))
    assert f"{file} line " in str(caught.value)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "survivorship.csv").unlink()
    with pytest.raises(UserError, match=r"survivorship.csv is missing"):
        load_policy(folder, date(2026, 6, 1))


def test_a_missing_limit_is_named(folder: Path) -> None:
    with pytest.raises(UserError, match="no row `max_wishes`"):
        load_policy(folder, date(2026, 6, 1)).limit("max_wishes")


def test_shares_of_each_comparison_sum_to_one(folder: Path) -> None:
    levels = load_policy(folder, date(2026, 6, 1)).levels
    for comparison in {level.comparison for level in levels}:
        for share in ("m", "u"):
            total = sum(getattr(x, share) for x in levels if x.comparison == comparison)
            assert total == pytest.approx(1, abs=0.001), (comparison, share)
