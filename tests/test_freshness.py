from datetime import date, timedelta
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.freshness import FreshnessWindow, load_windows

HEADER = "asset_group,warn_after_hours,fail_after_hours,valid_from,why\n"


def write(folder: Path, rows: str) -> Path:
    path = folder / "freshness.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return path


def test_the_newest_row_in_force_counts(tmp_path: Path) -> None:
    path = write(tmp_path, "marts,26,50,2000-01-01,a\nmarts,8,12,2026-01-01,b\nmarts,1,2,2099-01-01,c\n")
    assert load_windows(path, date(2026, 6, 30)) == {"marts": FreshnessWindow(timedelta(hours=8), timedelta(hours=12))}


@pytest.mark.parametrize(
    "row", ["marts,x,50,2000-01-01,a", "marts,1,,2000-01-01,a", "marts,1,2,soon,a", "marts,5,5,2000-01-01,a"]
)
def test_a_row_that_cannot_hold_is_named_with_its_line(tmp_path: Path, row: str) -> None:
    with pytest.raises(UserError, match=r"freshness\.csv line 2"):
        load_windows(write(tmp_path, row), date(2026, 6, 30))


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        load_windows(tmp_path / "freshness.csv", date(2026, 6, 30))
