import shutil
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse.service_files import check_service_files


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the service policies to spoil."""
    for name in ("service_targets", "service_settings"):
        shutil.copy(PROJECT_ROOT / "seeds" / "policy" / f"{name}.csv", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("service_targets", "48,,hours", "48,,days", r"row 6: the unit 'days' is not one of minutes"),
        ("service_targets", "10,,minutes", ",,minutes", r"row 4: target is '': write a number of at least 0"),
        ("service_targets", "15,28,minutes", "1,28,hours", r"row 3: handling is shown in minutes"),
        ("service_targets", "handling,15", "holding,15", r"row 3: the unit 'minutes' is not one of share"),
        ("service_targets", "share,higher", "share,best", r"row 7: the better 'best' is not one of lower, higher"),
        ("service_settings", "repeat_days,", "repeat_day,", r"row 2: the setting 'repeat_day' is not one of"),
        (
            "service_settings",
            "score,20",
            "score,120",
            r"row 8: repeat_touch_score is '120': write a number from 0 to 100",
        ),
        ("service_settings", "second_touch_days,7", "repeat_days,7", r"row 3: repeat_days, 2000-01-01 stands in row 2"),
    ],
)
def test_a_service_policy_that_judges_nothing_is_refused_with_its_row(
    policies: Path, name: str, old: str, new: str, message: str
) -> None:
    file = policies / f"{name}.csv"
    before = file.read_text(encoding="utf-8")
    after = before.replace(old, new, 1)
    assert after != before
    file.write_text(after, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        check_service_files(policies)


def test_a_setting_without_a_row_is_named(policies: Path) -> None:
    file = policies / "service_settings.csv"
    rows = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(row for row in rows if not row.startswith("promoter_days")), encoding="utf-8")
    with pytest.raises(UserError, match="no row for the setting promoter_days"):
        check_service_files(policies)
