"""How published versions are kept and carried on, read from `seeds/policy/publication.csv`."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from orchestration.errors import UserError
from orchestration.policy_rows import newest_in_force, read_day, read_policy_rows

_SETTINGS = ("versions_kept", "grace_minutes", "whole_file_after")


@dataclass(frozen=True)
class PublicationPolicy:
    """How many versions stay, how young one must be to stay whatever the number, and how long a file is carried on.

    After `whole_file_after` versions that began as a copy of the one before, the next is written whole; at 0 each is.
    """

    versions_kept: int
    grace: timedelta
    whole_file_after: int


def load_policy(path: Path, on: date) -> PublicationPolicy:
    """Read the rows in force on a day.

    Args:
        path: The CSV with `setting, value, valid_from, why`.
        on: The day; of several rows of one setting the newest `valid_from` not after it counts.

    Raises:
        UserError: a setting is missing, is no whole number, or would keep no version at all.
    """
    versions = []
    for number, row in read_policy_rows(path, ("setting", "value", "valid_from", "why"), strip=True):
        where, setting = f"{path.name} row {number}", row["setting"]
        try:
            value = int(row["value"])
        except ValueError as error:
            raise UserError(f"{where}: value {row['value']!r} must be a whole number. Correct the row.") from error
        if setting not in _SETTINGS:
            raise UserError(f"{where}: unknown setting {setting!r}; use {', '.join(_SETTINGS)}.")
        versions.append((setting, read_day(where, "valid_from", row["valid_from"]), value))
    in_force = newest_in_force(versions, on)
    missing = [s for s in _SETTINGS if s not in in_force]
    if missing:
        raise UserError(f"{path.name}: no row in force on {on} for {', '.join(missing)}. Add one.")
    kept, minutes, whole = (in_force[setting] for setting in _SETTINGS)
    if kept < 1 or minutes < 0 or whole < 0:
        raise UserError(
            f"{path.name}: versions_kept is {kept} (at least 1), grace_minutes is {minutes} and whole_file_after is "
            f"{whole} (at least 0)."
        )
    return PublicationPolicy(versions_kept=kept, grace=timedelta(minutes=minutes), whole_file_after=whole)
