"""How old the assets of a group may be, read from `seeds/policy/freshness.csv`.

What belongs here: reading that file. What does not: Dagster, which watches the ages (`definitions.py`).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from orchestration.errors import UserError
from orchestration.policy_rows import newest_in_force, read_day, read_policy_rows


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
    columns = ("asset_group", "warn_after_hours", "fail_after_hours", "valid_from", "why")
    rows = read_policy_rows(path, columns, strip=True)
    versions = [(row["asset_group"], *_window(path, number, row)) for number, row in rows]
    return newest_in_force(versions, on)


def _window(path: Path, number: int, row: dict[str, str]) -> tuple[date, FreshnessWindow]:
    where = f"{path.name} line {number}"
    try:
        warn, fail = int(row["warn_after_hours"]), int(row["fail_after_hours"])
    except ValueError as error:
        raise UserError(
            f"{where}: warn_after_hours {row['warn_after_hours']!r} and fail_after_hours {row['fail_after_hours']!r} "
            "must be whole hours. Correct the row."
        ) from error
    if not 0 < warn < fail:
        raise UserError(f"{where}: warn_after_hours {warn} must be above 0 and below fail_after_hours {fail}.")
    valid_from = read_day(where, "valid_from", row["valid_from"])
    return valid_from, FreshnessWindow(timedelta(hours=warn), timedelta(hours=fail))
