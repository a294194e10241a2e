"""How old the assets of a group may be, read from `seeds/policy/freshness.csv`.

What belongs here: reading that file. What does not: Dagster, which watches the ages (`definitions.py`).
"""

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from orchestration.errors import UserError


@dataclass(frozen=True)
class FreshnessWindow:
    """Ages from which the assets of a group are shown as late, and as failed."""

    warn_after: timedelta
    fail_after: timedelta


def load_windows(path: Path, on: date) -> dict[str, FreshnessWindow]:
    """Read the window of each asset group in force on a day.

    Args:
        path: The CSV with `asset_group, warn_after_hours, fail_after_hours, valid_from, why`.
        on: The day; of several rows of one group the newest `valid_from` not after it counts.

    Raises:
        UserError: the file is missing, or a row holds no whole hours, no date, or warns after it fails.
    """
    if not path.is_file():
        raise UserError(f"The policy file {path} is missing: restore it from the project.")
    in_force: dict[str, tuple[date, FreshnessWindow]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            valid_from, window = _window(path, number, row)
            group = row["asset_group"]
            if valid_from <= on and (group not in in_force or valid_from >= in_force[group][0]):
                in_force[group] = (valid_from, window)
    return {group: window for group, (_, window) in in_force.items()}


def _window(path: Path, number: int, row: dict[str, str]) -> tuple[date, FreshnessWindow]:
    where = f"{path.name} line {number}"
    try:
        warn, fail = int(row["warn_after_hours"]), int(row["fail_after_hours"])
        valid_from = date.fromisoformat(row["valid_from"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{where}: warn_after_hours {row.get('warn_after_hours')!r} and fail_after_hours "
            f"{row.get('fail_after_hours')!r} must be whole hours and valid_from {row.get('valid_from')!r} a date "
            "(YYYY-MM-DD). Correct the row."
        ) from error
    if not 0 < warn < fail:
        raise UserError(f"{where}: warn_after_hours {warn} must be above 0 and below fail_after_hours {fail}.")
    return valid_from, FreshnessWindow(timedelta(hours=warn), timedelta(hours=fail))
