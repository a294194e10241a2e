"""The service policies, checked before a run: what the types of their columns cannot say.

What belongs here: rules within `service_targets.csv` and `service_settings.csv`. What does not: the types of their
columns (`policy_files.py`), the other service policies (`named_rows.py`) and judging cases (`models/`).
"""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path

from orchestration.errors import UserError
from orchestration.policy_rows import Row, first_repeat, policy_day, policy_fault, read_policy_rows

# Clocks that cases are judged by: each needs a target.
CLOCKS = ("first_response", "handling", "complaint_resolution", "objection_response", "complex_solution")
CLOCK_UNITS = ("minutes", "working_minutes", "hours", "working_hours")
SETTINGS = (
    "repeat_days",
    "second_touch_days",
    "closed_loop_days",
    "timeout_cause_days",
    "promoter_days",
    "repurchase_days",
    "repeat_touch_score",
    "journey_days",
    "weak_point_days",
)
DIRECTIONS = ("lower", "higher")

_BEST_SCORE = 100


def check_service_files(policy_dir: Path) -> None:
    """Refuse service policies by which no case can be judged.

    Args:
        policy_dir: The folder of the two files.

    Raises:
        UserError: an unknown measure, unit or setting, a clock or setting without a row, a number
            out of its range, two rows for one day; the message names file, row and value.
    """
    _check_targets(policy_dir / "service_targets.csv")
    _check_settings(policy_dir / "service_settings.csv")


def _check_targets(path: Path) -> None:
    rows = _rows(path)
    for row, found in rows:
        measure = found["measure"]
        units = CLOCK_UNITS if measure in CLOCKS else ("share",)
        _check_word(path, row, "unit", found["unit"], units)
        _check_word(path, row, "better", found["better"], DIRECTIONS)
        if measure in CLOCKS:
            _check_number(path, row, "target", found["target"], Decimal(0), None)
        # FRT, handling and complaint resolution are shown as mean minutes beside their targets.
        if measure in CLOCKS[:3] and found["unit"].endswith("hours"):
            raise policy_fault(
                path, row, f"{measure} is shown in minutes: write its target in minutes or working_minutes."
            )
    _check_once(path, rows, ("measure", "valid_from"))
    _check_complete(path, "measure", CLOCKS, {found["measure"] for _, found in rows})


def _check_settings(path: Path) -> None:
    rows = _rows(path)
    for row, found in rows:
        _check_word(path, row, "setting", found["setting"], SETTINGS)
        greatest = Decimal(_BEST_SCORE) if found["setting"].endswith("_score") else None
        _check_number(path, row, found["setting"], found["value"], Decimal(0), greatest)
    _check_once(path, rows, ("setting", "valid_from"))
    _check_complete(path, "setting", SETTINGS, {found["setting"] for _, found in rows})


def _rows(path: Path) -> list[Row]:
    """The rows with their numbers; every one says since when it holds."""
    rows = read_policy_rows(path)
    for row, found in rows:
        policy_day(path, row, "valid_from", found["valid_from"])
    return rows


def _check_word(path: Path, row: int, column: str, word: str, known: Iterable[str]) -> None:
    if word not in known:
        raise policy_fault(path, row, f"the {column} {word!r} is not one of {', '.join(known)}.")


def _check_number(path: Path, row: int, name: str, text: str, least: Decimal, greatest: Decimal | None) -> None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < least or (greatest is not None and value > greatest):
        limit = f"from {least} to {greatest}" if greatest is not None else f"of at least {least}"
        raise policy_fault(path, row, f"{name} is {text!r}: write a number {limit}.")


def _check_once(path: Path, rows: list[Row], key: tuple[str, ...]) -> None:
    if repeat := first_repeat(rows, key):
        row, earlier, values = repeat
        raise policy_fault(path, row, f"{', '.join(values)} stands in row {earlier} already.")


def _check_complete(path: Path, what: str, needed: Iterable[str], given: set[str]) -> None:
    missing = [name for name in needed if name not in given]
    if missing:
        raise UserError(f"The policy table {path} has no row for the {what} {', '.join(missing)}: add it.")
