"""The KPI policies, checked before a run: what the types of their columns cannot say.

What belongs here: rules within and between `kpi_definitions.csv`, `kpi_settings.csv`, `kpi_targets.csv` and
`core_tiers.csv`, and that `service_targets.csv` does not contradict them. What does not: the types of their columns
(`policy_files.py`) and counting KPIs (`models/`).
"""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path

from orchestration.errors import UserError
from orchestration.policy_rows import Row, first_repeat, policy_day, policy_fault, read_policy_rows

# Every KPI that the models count; those whose window another policy sets have none of their own.
WINDOWED_KPIS = (
    "nps",
    "csat",
    "aov",
    "aov_repeat_vs_first",
    "core_churn_rate",
    "dormant_wakeup_rate",
    "new_customer_conversion",
    "days_first_to_second",
    "untouched_30d",
    "promotion_driven_repurchase",
    "service_driven_repurchase",
    "open_rate",
    "click_rate",
    "reply_rate",
    "online_revenue_share",
    "store_revenue_share",
    "sales_service_link_rate",
    "first_response_minutes",
    "handling_minutes",
    "complaint_resolution_minutes",
    "problem_solved_rate",
    "closed_loop_rate",
    "objection_response_rate",
    "complex_solution_rate",
    "repeat_contact_rate",
    "bot_containment_rate",
    "second_touch_rate",
    "timeout_complaint_change",
    "complaint_rate",
    "complaint_to_promoter",
    "unsolved_complaint_repurchase",
)
OTHER_KPIS = (
    "repurchase_rate_365d",
    "core_repurchase_rate_365d",
    "aov_change",
    "clv_mean",
    "clv_change",
    "revenue_concentration_top5",
    "tag_coverage",
    "profile_completeness",
)
# Least and greatest value of each setting.
SETTINGS = {
    "promoter_from": (1, 10),
    "detractor_to": (0, 9),
    "satisfied_from": (1, 5),
    "top_share": (0, 1),
    "touch_days": (0, 3650),
    "promotion_days": (0, 3650),
    "service_days": (0, 3650),
}
# Measures of `service_targets.csv` that are a KPI as well: both are shown, so both have one target.
KPI_OF_MEASURE = {
    "first_response": "first_response_minutes",
    "handling": "handling_minutes",
    "complaint_resolution": "complaint_resolution_minutes",
    "solved_rate": "problem_solved_rate",
    "closed_loop_rate": "closed_loop_rate",
    "repeat_rate": "repeat_contact_rate",
    "bot_containment": "bot_containment_rate",
    "second_touch": "second_touch_rate",
    "timeout_complaint_change": "timeout_complaint_change",
    "complaint_rate": "complaint_rate",
    "complaint_to_promoter": "complaint_to_promoter",
    "unsolved_repurchase": "unsolved_complaint_repurchase",
}
DIMENSIONS = ("all", "tier", "channel")
DIRECTIONS = ("higher", "lower")
UNITS = ("points", "share", "CNY", "days", "minutes")

_KPIS = (*WINDOWED_KPIS, *OTHER_KPIS)


def check_kpi_files(policy_dir: Path) -> None:
    """Refuse KPI policies from which no status can be told.

    Args:
        policy_dir: The folder of the four files, of `service_targets.csv` and of `tier_schemes.csv`.

    Raises:
        UserError: an unknown KPI, setting, unit, direction or tier, a KPI without a definition or a target, a limit on
            the wrong side of the target, two rows for one day, a service measure with another target than its KPI; the
            message names file, row and value.
    """
    _check_definitions(policy_dir / "kpi_definitions.csv")
    _check_settings(policy_dir / "kpi_settings.csv")
    _check_targets(policy_dir / "kpi_targets.csv")
    _check_one_target(policy_dir / "kpi_targets.csv", policy_dir / "service_targets.csv")
    _check_core_tiers(policy_dir / "core_tiers.csv", policy_dir / "tier_schemes.csv")


def _check_definitions(path: Path) -> None:
    rows = read_policy_rows(path)
    for row, found in rows:
        _check_kpi(path, row, found["kpi"])
        policy_day(path, row, "valid_from", found["valid_from"])
        for column in ("numerator", "denominator"):
            if not found[column]:
                raise policy_fault(path, row, f"{column} is empty: say what is counted, and of what.")
        window = found["window_days"]
        if found["kpi"] in OTHER_KPIS and window:
            raise policy_fault(
                path, row, f"window_days is {window!r}, but another policy sets this window: leave it empty."
            )
        if found["kpi"] in WINDOWED_KPIS:
            _check_days(path, row, "window_days", window)
    _check_once(path, rows, ("kpi", "valid_from"))
    _check_complete(path, "KPI", _KPIS, {found["kpi"] for _, found in rows})


def _check_settings(path: Path) -> None:
    rows = read_policy_rows(path)
    for row, found in rows:
        name = found["setting"]
        if name not in SETTINGS:
            raise policy_fault(path, row, f"the setting {name!r} is not one of {', '.join(SETTINGS)}.")
        policy_day(path, row, "valid_from", found["valid_from"])
        least, greatest = SETTINGS[name]
        value = _number(path, row, "value", found["value"])
        if value is None or not least <= value <= greatest:
            raise policy_fault(path, row, f"{name} is {found['value']!r}: write a number from {least} to {greatest}.")
        if name.endswith("_days"):
            _check_days(path, row, name, found["value"])
    _check_once(path, rows, ("setting", "valid_from"))
    _check_complete(path, "setting", SETTINGS, {found["setting"] for _, found in rows})


def _check_targets(path: Path) -> None:
    rows = read_policy_rows(path)
    first_rows: dict[str, Row] = {}
    for row, found in rows:
        _check_kpi(path, row, found["kpi"])
        policy_day(path, row, "valid_from", found["valid_from"])
        _check_words(path, row, found)
        _check_limits(path, row, found)
        first_row, first = first_rows.setdefault(found["kpi"], (row, found))
        for column in ("direction", "unit"):
            if found[column] != first[column]:
                raise policy_fault(
                    path,
                    row,
                    f"{column} is {found[column]!r}, and {first[column]!r} in row {first_row} of the same KPI.",
                )
    _check_once(path, rows, ("kpi", "dimension", "dimension_value", "valid_from"))
    _check_once(path, rows, ("kpi", "dimension", "dimension_value", "period"))
    _check_complete(path, "KPI", _KPIS, {found["kpi"] for _, found in rows if found["dimension"] == "all"})


def _check_words(path: Path, row: int, found: dict[str, str]) -> None:
    for column, words in (("dimension", DIMENSIONS), ("direction", DIRECTIONS), ("unit", UNITS)):
        if found[column] not in words:
            raise policy_fault(path, row, f"the {column} {found[column]!r} is not one of {', '.join(words)}.")
    if (found["dimension"] == "all") != (found["dimension_value"] == "all"):
        raise policy_fault(
            path,
            row,
            f"dimension_value is {found['dimension_value']!r} in dimension {found['dimension']!r}: write `all` for "
            "all, else the tier or channel.",
        )
    for column in ("dimension_value", "period", "owner"):
        if not found[column]:
            raise policy_fault(path, row, f"{column} is empty.")
    _check_days(path, row, "due_days", found["due_days"])


def _check_limits(path: Path, row: int, found: dict[str, str]) -> None:
    target, yellow, red = (_number(path, row, column, found[column]) for column in ("target", "yellow", "red"))
    if target is None and yellow is None and red is None:
        return
    if target is None or yellow is None or red is None:
        raise policy_fault(path, row, "target, yellow and red stand together: fill in all three, or none.")
    best_first = (target, yellow, red) if found["direction"] == "higher" else (-target, -yellow, -red)
    if not best_first[0] >= best_first[1] >= best_first[2]:
        raise policy_fault(
            path,
            row,
            f"yellow ({found['yellow']}) must lie between target ({found['target']}) and red ({found['red']}), "
            f"where {found['direction']} is better.",
        )
    if not found["action"]:
        raise policy_fault(path, row, "action is empty: say what the owner does when the KPI is red.")


def _check_one_target(path: Path, service_path: Path) -> None:
    """On every day on which one of the two begins, a KPI and the service measure it shows have one target."""
    of_kpi: dict[str, list[Row]] = {}
    for row, found in read_policy_rows(path):
        if found["dimension"] == "all":
            of_kpi.setdefault(found["kpi"], []).append((row, found))
    of_measure: dict[str, list[Row]] = {}
    for row, found in read_policy_rows(service_path):
        of_measure.setdefault(found["measure"], []).append((row, found))
    for measure, rows in of_measure.items():
        others = of_kpi.get(KPI_OF_MEASURE.get(measure, ""), [])
        for day in sorted({found["valid_from"] for _, found in (*rows, *others)} if others else ()):
            (row, found), (other_row, other) = _in_force(rows, day), _in_force(others, day)
            targets = [
                _number(service_path, row, "target", found["target"]),
                _number(path, other_row, "target", other["target"]),
            ]
            if None not in targets and targets[0] != targets[1]:
                raise policy_fault(
                    service_path,
                    row,
                    f"the target of {measure} is {found['target']} from {day} on, and row {other_row} of {path.name} "
                    f"wants {other['target']} of {other['kpi']}: write the same in both.",
                )


def _in_force(rows: list[Row], day: str) -> Row:
    """The newest row up to a day, written YYYY-MM-DD; before the first the first."""
    ordered = sorted(rows, key=lambda row: row[1]["valid_from"])
    return next((row for row in reversed(ordered) if row[1]["valid_from"] <= day), ordered[0])


def _check_core_tiers(path: Path, schemes_path: Path) -> None:
    tiers: dict[str, set[str]] = {}
    official: set[str] = set()
    for _, found in read_policy_rows(schemes_path):
        tiers.setdefault(found["scheme"], set()).add(found["tier"])
        if found["official"].lower() in ("true", "t", "1", "yes"):
            official.add(found["scheme"])
    rows = read_policy_rows(path)
    for row, found in rows:
        if found["tier"] not in tiers.get(found["scheme"], set()):
            raise policy_fault(
                path, row, f"{schemes_path.name} has no tier {found['tier']!r} in scheme {found['scheme']!r}."
            )
        policy_day(path, row, "valid_from", found["valid_from"])
    _check_once(path, rows, ("scheme", "tier", "valid_from"))
    _check_complete(path, "core tier of the official scheme", official, {found["scheme"] for _, found in rows})


def _check_kpi(path: Path, row: int, kpi: str) -> None:
    if kpi not in _KPIS:
        raise policy_fault(path, row, f"the KPI {kpi!r} is not counted by any model; the KPIs are {', '.join(_KPIS)}.")


def _check_once(path: Path, rows: Iterable[Row], key: tuple[str, ...]) -> None:
    if repeat := first_repeat(rows, key):
        row, earlier, values = repeat
        shown = ", ".join(f"{column} {part!r}" for column, part in zip(key, values, strict=True))
        raise policy_fault(path, row, f"{shown} stands in row {earlier} already.")


def _check_complete(path: Path, what: str, wanted: Iterable[str], found: set[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise UserError(f"The policy table {path} has no row for the {what} {missing[0]!r}: add one and run again.")


def _number(path: Path, row: int, column: str, text: str) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        raise policy_fault(path, row, f"{column} is {text!r}: write a number.") from None


def _check_days(path: Path, row: int, column: str, text: str) -> None:
    value = _number(path, row, column, text)
    if value is None or value < 0 or value != int(value):
        raise policy_fault(path, row, f"{column} is {text!r}: write a whole number of days, 0 or more.")
