"""The settings of valuation as they stand on a day, from `seeds/policy/value_model.csv`.

What belongs here: reading that file and saying which row is in force. What does not: what a setting does.
"""

import csv
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

from orchestration.errors import UserError

FILE = "value_model.csv"
_WHOLE = {
    "holdout_months",
    "minimum_repeat_buyers",
    "minimum_test_customers",
    "single_purchase_counts",
    "stated_from_buyers",
}
_COLUMNS = ["setting", "value", "valid_from", "why"]
_ABOVE_ZERO = {"holdout_months", "fallback_half_life_days", "stated_step", "stated_step_of_strength"}


@dataclass(frozen=True)
class ValuePolicy:
    """Settings in force on one day; what each means stands in the file's `why`."""

    holdout_months: float
    minimum_repeat_buyers: float
    minimum_test_customers: float
    baseline_margin: float
    annual_discount_rate: float
    single_purchase_counts: float
    fallback_prior_days: float
    fallback_purchases_per_year: float
    fallback_half_life_days: float
    fallback_prior_purchases: float
    spend_mean_factor: float
    stated_from_buyers: float
    stated_step: float
    stated_step_of_strength: float


class ValuePolicies:
    """Every version of the settings, so that each day of evaluation gets the one of its time."""

    def __init__(self, rows: dict[str, list[tuple[date, float]]]) -> None:
        """Take, for each setting, its values by first day of validity."""
        self._rows = {setting: sorted(values) for setting, values in rows.items()}

    def on(self, day: date) -> ValuePolicy:
        """Settings in force on `day`; days before a setting's first version use the first."""
        in_force = {}
        for setting, values in self._rows.items():
            in_force[setting] = next((v for since, v in reversed(values) if since <= day), values[0][1])
        return ValuePolicy(**in_force)


def load_policies(directory: Path) -> ValuePolicies:
    """Read every version of every setting.

    Raises:
        UserError: the file is missing, lacks a setting or column, names an unknown setting, or holds a value that
            cannot be; the message names the file, the line and the value.
    """
    path = directory / FILE
    if not path.is_file():
        raise UserError(f"The policy file {path} is missing: restore it from the project.")
    known = {field.name for field in fields(ValuePolicy)}
    rows: dict[str, list[tuple[date, float]]] = {}
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        if list(reader.fieldnames or ()) != _COLUMNS:
            raise UserError(
                f"{path}: the columns are {', '.join(reader.fieldnames or ())}; write {', '.join(_COLUMNS)}."
            )
        for line, row in enumerate(reader, start=2):
            where = f"{path} line {line}"
            if None in row:
                raise UserError(f"{where} has more values than columns: a text that holds a comma stands in quotes.")
            setting = row.get("setting")
            if setting not in known:
                raise UserError(f"{where}: setting `{setting}` is not known; known are {', '.join(sorted(known))}.")
            if not row.get("why"):
                raise UserError(f"{where}: setting `{setting}` has no `why`: say why the value is what it is.")
            since = _date(where, row.get("valid_from"))
            if any(since == other for other, _ in rows.get(setting, [])):
                raise UserError(f"{where}: setting `{setting}` has two rows from {since}: keep one of them.")
            rows.setdefault(setting, []).append((since, _value(where, setting, row.get("value"))))
    missing = sorted(known - set(rows))
    if missing:
        raise UserError(f"{path} has no row for {', '.join(missing)}: add one with valid_from and why.")
    return ValuePolicies(rows)


def _date(where: str, text: str | None) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError as error:
        raise UserError(f"{where}: valid_from `{text}` is not a date; write YYYY-MM-DD.") from error


def _value(where: str, setting: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError as error:
        raise UserError(f"{where}: value `{text}` of `{setting}` is not a number.") from error
    if not 0 <= value < float("inf") or (setting in _ABOVE_ZERO and value == 0):
        raise UserError(
            f"{where}: value `{text}` of `{setting}` must be {'above 0' if setting in _ABOVE_ZERO else '0 or more'}."
        )
    if setting in _WHOLE and value != int(value):
        raise UserError(f"{where}: value `{text}` of `{setting}` must be a whole number.")
    return value
