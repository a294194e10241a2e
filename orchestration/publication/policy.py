"""How long published versions are kept, read from `seeds/policy/publication.csv`."""

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from orchestration.errors import UserError

_SETTINGS = ("versions_kept", "grace_minutes")


@dataclass(frozen=True)
class PublicationPolicy:
    """How many versions stay, and how young one must be to stay whatever the number."""

    versions_kept: int
    grace: timedelta


def load_policy(path: Path, on: date) -> PublicationPolicy:
    """Read the rows in force on a day.

    Args:
        path: The CSV with `setting, value, valid_from, why`.
        on: The day; of several rows of one setting the newest `valid_from` not after it counts.

    Raises:
        UserError: a setting is missing, is no whole number, or would keep no version at all.
    """
    in_force: dict[str, tuple[date, int]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                valid_from, value = date.fromisoformat(row["valid_from"]), int(row["value"])
            except (TypeError, ValueError) as error:
                raise UserError(
                    f"{path.name} row {number}: value {row.get('value')!r} must be a whole number and valid_from "
                    f"{row.get('valid_from')!r} a date (YYYY-MM-DD). Correct the row."
                ) from error
            setting = row["setting"]
            if setting not in _SETTINGS:
                raise UserError(f"{path.name} row {number}: unknown setting {setting!r}; use {', '.join(_SETTINGS)}.")
            if valid_from <= on and (setting not in in_force or valid_from >= in_force[setting][0]):
                in_force[setting] = (valid_from, value)
    missing = [s for s in _SETTINGS if s not in in_force]
    if missing:
        raise UserError(f"{path.name}: no row in force on {on} for {', '.join(missing)}. Add one.")
    kept, minutes = in_force["versions_kept"][1], in_force["grace_minutes"][1]
    if kept < 1 or minutes < 0:
        raise UserError(f"{path.name}: versions_kept is {kept} (at least 1), grace_minutes is {minutes} (at least 0).")
    return PublicationPolicy(versions_kept=kept, grace=timedelta(minutes=minutes))
