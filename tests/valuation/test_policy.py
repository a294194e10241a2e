"""The settings of valuation: dated, complete, and refused with file, line and value."""

from datetime import date
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.settings import Settings
from orchestration.valuation.policy import FILE, load_policies

GOOD = (Settings().policy_dir / FILE).read_text(encoding="utf-8")


def test_each_day_has_the_setting_of_its_time(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(GOOD + "annual_discount_rate,0.2,2026-02-01,dearer money\n", encoding="utf-8")
    policies = load_policies(tmp_path)
    before, since = policies.on(date(2026, 1, 31)), policies.on(date(2026, 2, 1))
    assert (before.annual_discount_rate, since.annual_discount_rate) == (0.1, 0.2)
    assert policies.on(date(1990, 1, 1)).annual_discount_rate == 0.1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("holdout_month,6,2026-01-01,why", "line 16: setting `holdout_month` is not known"),
        ("holdout_months,half,2026-01-01,why", "line 16: value `half` of `holdout_months` is not a number"),
        ("holdout_months,1.5,2026-01-01,why", "line 16: value `1.5` of `holdout_months` must be a whole number"),
        ("fallback_half_life_days,0,2026-01-01,why", "line 16: value `0` .* must be above 0"),
        ("baseline_margin,-1,2026-01-01,why", "line 16: value `-1` .* must be 0 or more"),
        ("baseline_margin,nan,2026-01-01,why", "line 16: value `nan` .* must be 0 or more"),
        ("baseline_margin,0,1 January,why", "line 16: valid_from `1 January` is not a date"),
        ("baseline_margin,0,2026-01-01,", "line 16: setting `baseline_margin` has no `why`"),
        ("baseline_margin,0,2000-01-01,again", "line 16: setting `baseline_margin` has two rows from 2000-01-01"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place(tmp_path: Path, row: str, message: str) -> None:
    assert GOOD.count("\n") == 15
    (tmp_path / FILE).write_text(GOOD + row + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=message):
        load_policies(tmp_path)


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("\n".join(GOOD.splitlines()[:-1]) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="no row for stated_step_of_strength"):
        load_policies(tmp_path)
