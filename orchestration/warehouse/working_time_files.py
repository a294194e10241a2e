"""The calendar and the service desk's hours, checked before a run: what the types of their columns cannot say.

What belongs here: rules within `seeds/policy/working_hours.csv` and `seeds/reference/holidays.csv`. What does not: the
types of their columns (`policy_files.py`) and counting working minutes (`models/`).
"""

import re
from datetime import date
from pathlib import Path

from orchestration.policy_rows import policy_day, policy_fault, read_policy_rows

DAY_KINDS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "make_up", "holiday")
HOLIDAY_KINDS = ("statutory", "bridge", "make_up")

_TIME = re.compile(r"(\d{1,2}):([0-5]\d)(:00)?")
_MINUTES_OF_DAY = 24 * 60
_TRUE = {"true", "t", "1", "yes"}


def check_working_time_files(policy_dir: Path, reference_dir: Path) -> None:
    """Refuse hours or holidays from which no working time can be counted.

    Args:
        policy_dir: The folder of `working_hours.csv` (columns weekday, opens, closes, valid_from, why).
        reference_dir: The folder of `holidays.csv` (columns day, name, name_zh, is_workday, kind, source).

    Raises:
        UserError: an unknown weekday, a time that is none, an opening that ends before it begins, two that overlap,
            no first day, or a holiday that stands twice or contradicts itself; the message names file, row and value.
    """
    _check_hours(policy_dir / "working_hours.csv")
    _check_holidays(reference_dir / "holidays.csv")


def _check_hours(path: Path) -> None:
    openings: dict[tuple[str, date], list[tuple[int, int, int]]] = {}
    for row, found in read_policy_rows(path):
        if found["weekday"] not in DAY_KINDS:
            raise policy_fault(path, row, f"the weekday {found['weekday']!r} is not one of {', '.join(DAY_KINDS)}.")
        opens, closes = _minute_of_day(found["opens"]), _minute_of_day(found["closes"])
        if opens is None or closes is None:
            wrong = "opens" if opens is None else "closes"
            raise policy_fault(path, row, f"{wrong} is {found[wrong]!r}: write a time from 00:00 to 24:00.")
        if closes <= opens:
            raise policy_fault(
                path,
                row,
                f"it closes at {found['closes']}, not after it opens at {found['opens']}: write a night shift as two "
                "rows, one to 24:00 and one from 00:00 of the next weekday.",
            )
        others = openings.setdefault((found["weekday"], policy_day(path, row, "valid_from", found["valid_from"])), [])
        for other_row, other_opens, other_closes in others:
            if opens < other_closes and other_opens < closes:
                raise policy_fault(
                    path, row, f"this opening overlaps that of row {other_row}: its minutes would count twice."
                )
        others.append((row, opens, closes))


def _check_holidays(path: Path) -> None:
    seen: dict[date, int] = {}
    for row, found in read_policy_rows(path):
        day = policy_day(path, row, "day", found["day"])
        if day in seen:
            raise policy_fault(path, row, f"the day {day} stands in row {seen[day]} already.")
        seen[day] = row
        if found["kind"] not in HOLIDAY_KINDS:
            raise policy_fault(path, row, f"the kind {found['kind']!r} is not one of {', '.join(HOLIDAY_KINDS)}.")
        if (found["is_workday"].lower() in _TRUE) != (found["kind"] == "make_up"):
            raise policy_fault(
                path,
                row,
                f"is_workday is {found['is_workday']!r} on a {found['kind']} day: true is for make_up alone.",
            )


def _minute_of_day(text: str) -> int | None:
    found = _TIME.fullmatch(text)
    if not found:
        return None
    minute = int(found.group(1)) * 60 + int(found.group(2))
    return minute if minute <= _MINUTES_OF_DAY else None
