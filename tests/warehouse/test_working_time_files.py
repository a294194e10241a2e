import re
import shutil
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse.working_time_files import check_working_time_files

HOURS = "weekday,opens,closes,valid_from,why\n"
HOLIDAYS = "day,name,name_zh,is_workday,kind,source\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds both files, to spoil."""
    for name in ("policy/working_hours.csv", "reference/holidays.csv"):
        shutil.copy(PROJECT_ROOT / "seeds" / name, tmp_path)
    return tmp_path


def fault(folder: Path) -> str | None:
    """What the check of both files says, None where it finds nothing."""
    try:
        check_working_time_files(folder, folder)
    except UserError as error:
        return str(error)
    return None


def test_the_hours_and_holidays_of_the_project_are_sound(folder: Path) -> None:
    assert fault(folder) is None


def test_two_openings_a_day_may_touch_and_the_desk_may_work_until_midnight(folder: Path) -> None:
    rows = "monday,9:00,12:00,2026-01-01,\nmonday,12:00,24:00,2026-01-01,\nmonday,10:00,11:00,2026-07-01,\n"
    (folder / "working_hours.csv").write_text(HOURS + rows, encoding="utf-8")
    assert fault(folder) is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Mon,09:00,18:00,2026-01-01,", r"row 2: the weekday 'Mon' is not one of monday"),
        ("monday,9,18:00,2026-01-01,", r"row 2: opens is '9'"),
        ("monday,09:00,24:30,2026-01-01,", r"row 2: closes is '24:30'"),
        ("monday,22:00,06:00,2026-01-01,", r"row 2: it closes at 06:00, not after it opens at 22:00: write a night"),
        ("monday,09:00,18:00,,", r"row 2: valid_from is ''"),
        (
            "monday,09:00,12:00,2026-01-01,\nmonday,11:59,18:00,2026-01-01,",
            r"row 3: this opening overlaps that of row 2",
        ),
    ],
)
def test_hours_that_cannot_be_counted_are_refused_with_their_row(folder: Path, row: str, message: str) -> None:
    (folder / "working_hours.csv").write_text(f"{HOURS}{row}\n", encoding="utf-8")
    assert re.search(message, fault(folder) or "")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2026-10-01,,,false,day_off,", r"row 2: the kind 'day_off' is not one of statutory"),
        ("2026-10-01,,,true,statutory,", r"row 2: is_workday is 'true' on a statutory day"),
        ("2026-10-10,,,false,make_up,", r"row 2: is_workday is 'false' on a make_up day"),
        ("2026-10-01,,,false,bridge,\n2026-10-01,,,false,statutory,", r"row 3: the day 2026-10-01 stands in row 2"),
    ],
)
def test_a_holiday_that_contradicts_itself_is_refused_with_its_row(folder: Path, row: str, message: str) -> None:
    (folder / "holidays.csv").write_text(f"{HOLIDAYS}{row}\n", encoding="utf-8")
    assert re.search(message, fault(folder) or "")
