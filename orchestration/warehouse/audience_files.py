"""The policies of audiences, the contact plan and points, checked before a run: what column types cannot say.

What belongs here: rules within and between `audiences.csv`, `contact_plan.csv`, `contact_channels.csv`,
`frequency_caps.csv`, `contact_owners.csv`, `holdouts.csv`, `queue_priorities.csv`, `points_rules.csv` and
`points_settings.csv`. What does not: the types of their columns (`policy_files.py`), membership rules
(`rule_tables.py`), and what an audience comes to (`models/activation`).
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from orchestration.errors import UserError
from orchestration.policy_rows import Row, first_repeat, policy_fault, read_policy_rows
from orchestration.warehouse.rule_tables import model_columns

TIMINGS = ("after_delay", "by_deadline", "on_the_day")
NEEDS = ("phone", "email", "account")
KINDS = ("any", "marketing")
POINT_EVENTS = ("purchase", "birthday", "referral", "survey", "profile")

# Trigger: the columns it cannot do without.
TRIGGERS: dict[str, tuple[str, ...]] = {
    "none": (),
    "state": ("scheme", "tiers"),
    "profile": ("since_column",),
    "calendar": ("scheme", "tiers", "month_days"),
    "holiday": ("scheme", "tiers"),
    "birthday": (),
    "cart_left": (),
    "first_purchase": (),
    "order_shipped": (),
    "low_score": ("threshold",),
    "high_score": ("threshold",),
    "complaint_open": (),
    "purchase_expected": (),
    "category_gap": ("threshold", "second_threshold"),
    "life_stage": (),
    "monthly_draw": ("scheme", "tiers", "threshold"),
}
# Setting: least and greatest value.
_PLAN: dict[str, tuple[int, int | None]] = {
    "horizon_days": (1, 31),
    "conversion_days": (1, 365),
    "measured_days": (1, 3650),
    "minimum_treated": (1, None),
    "minimum_control": (1, None),
    "rollout_uplift": (0, None),
    "interval_z": (0, 10),
}
_POINTS: dict[str, tuple[int, int | None]] = {
    "expiry_months": (1, 1200),
    "notice_days": (0, 3650),
    "complete_profile_percent": (0, 100),
}

_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
_NEEDED = ("timing", "delay", "delay_unit", "valid_days", "channel", "priority", "is_marketing", "owner_role", "reason")
_TRUE = {"true", "t", "yes", "1"}
_NOT_NEGATIVE = ("delay", "valid_days", "lasts_days", "lead_days", "cap", "cost")


def check_audience_files(policy_dir: Path, models_dir: Path) -> None:
    """Refuse audiences, caps, owners or points from which no plan could be made, or another than was meant.

    Args:
        policy_dir: The folder of the CSV files.
        models_dir: The folder of the dbt models; the yml of `customer_360` says which columns date a profile.

    Raises:
        UserError: an unknown trigger, timing, channel, role, tier or setting, a value the trigger needs and lacks, one
            that is out of bounds, or a row that stands twice; the message names file, row (the header is row 1) and
            value.
    """
    channels = _names(policy_dir / "contact_channels.csv", "channel")
    roles = _names(policy_dir / "contact_owners.csv", "role")
    tiers = _tiers(policy_dir)
    dates = {
        name
        for name, column in model_columns(policy_dir, models_dir, "customer_360").items()
        if column.data_type in ("date", "timestamp")
    }
    audiences = policy_dir / "audiences.csv"
    for row in _rows(audiences):
        _check_audience(audiences, row, channels, roles, tiers, dates)
    _check_unique(audiences, "audience", "valid_from")
    _check_contacts(policy_dir, channels, tiers)
    _check_settings(policy_dir / "contact_plan.csv", _PLAN)
    _check_settings(policy_dir / "points_settings.csv", _POINTS)
    _check_points(policy_dir / "points_rules.csv", tiers)


def _check_audience(
    path: Path, row: Row, channels: set[str], roles: set[str], tiers: dict[str, set[str]], dates: set[str]
) -> None:
    number, found = row
    if not _NAME.fullmatch(found["audience"]):
        raise policy_fault(path, number, f"the audience {found['audience']!r} must be small letters, digits and _.")
    trigger = _one_of(path, row, "trigger", TRIGGERS)
    if trigger == "none":
        return
    for column in (*TRIGGERS[trigger], *_NEEDED):
        if not found[column]:
            raise policy_fault(path, number, f"{column} is empty: an audience of the trigger {trigger} needs it.")
    _one_of(path, row, "timing", TIMINGS)
    _one_of(path, row, "delay_unit", ("hours", "days"))
    _one_of(path, row, "channel", channels)
    _one_of(path, row, "owner_role", roles)
    if found["fallback_channel"]:
        _one_of(path, row, "fallback_channel", channels)
    if found["since_column"]:
        _one_of(path, row, "since_column", dates)
    if found["scheme"] or found["tiers"]:
        _check_tiers(path, row, tiers)
    for column in _NOT_NEGATIVE:
        if found[column] and Decimal(found[column]) < 0:
            raise policy_fault(path, number, f"{column} is {found[column]}: it cannot be below 0.")
    share = Decimal(found["holdout_share"] or 0)
    if not 0 <= share < 1:
        raise policy_fault(path, number, f"holdout_share is {share}: write a share from 0 to below 1, such as 0.1.")
    if bool(found["cap"]) != bool(found["cap_days"]):
        raise policy_fault(path, number, "cap and cap_days belong together: fill in both or neither.")
    if found["cap_days"] and int(found["cap_days"]) < 1:
        raise policy_fault(path, number, f"cap_days is {found['cap_days']}: the window must be a day at least.")
    if found["stop_loss"].lower() in _TRUE and not found["cost"]:
        raise policy_fault(path, number, "stop_loss is set and cost is empty: say what a contact costs.")
    if bool(found["repeat_days"]) != bool(found["repeat_until"]) or (
        found["repeat_days"] and not 1 <= int(found["repeat_days"]) <= int(found["repeat_until"])
    ):
        raise policy_fault(path, number, "a series needs repeat_days of at least 1 and a repeat_until, its last day.")
    for column, greatest in (("month_days", 31), ("months", 12)):
        for part in found[column].split():
            if not part.isdecimal() or part != str(int(part)) or not 1 <= int(part) <= greatest:
                raise policy_fault(
                    path, number, f"{column} holds {part!r}: write numbers from 1 to {greatest}, with blanks between."
                )


def _check_contacts(policy_dir: Path, channels: set[str], tiers: dict[str, set[str]]) -> None:
    path = policy_dir / "contact_channels.csv"
    for row in _rows(path):
        _one_of(path, row, "needs", NEEDS)
    path = policy_dir / "frequency_caps.csv"
    for row in _rows(path):
        _one_of(path, row, "channel", {"any", *channels})
        _one_of(path, row, "kind", KINDS)
        number, found = row
        if int(found["window_days"] or 0) < 1 or not found["cap"] or int(found["cap"]) < 0:
            raise policy_fault(
                path,
                number,
                f"window_days is {found['window_days'] or 'empty'} (at least 1) and cap "
                f"{found['cap'] or 'empty'} (at least 0).",
            )
    _check_unique(path, "channel", "kind", "window_days", "valid_from")
    path = policy_dir / "contact_owners.csv"
    for number, found in _rows(path):
        if not found["role"] or not found["owner"] or found["keeps_customers"] == "":
            raise policy_fault(path, number, "role, owner and keeps_customers must be given.")
        if found["capacity_per_day"] and int(found["capacity_per_day"]) < 0:
            raise policy_fault(path, number, f"capacity_per_day is {found['capacity_per_day']}: 0 takes an owner out.")
    _check_unique(path, "role", "owner", "valid_from")
    path = policy_dir / "holdouts.csv"
    known = {"*", *_names(policy_dir / "audiences.csv", "audience")}
    for row in _rows(path):
        _one_of(path, row, "audience", known)
        if not row[1]["salt"]:
            raise policy_fault(path, row[0], "the salt is empty: write any text; another text draws other groups.")
    if "*" not in _names(path, "audience"):
        raise UserError(f"The policy table {path} has no row for `*`, every audience without a row of its own: add it.")
    _check_unique(path, "audience", "valid_from")
    path = policy_dir / "queue_priorities.csv"
    for row in _rows(path):
        _check_tiers(path, row, tiers, column="tier")


def _check_points(path: Path, tiers: dict[str, set[str]]) -> None:
    for row in _rows(path):
        number, found = row
        event = _one_of(path, row, "event", POINT_EVENTS)
        needed = {"purchase": "points_per_yuan", "birthday": "multiplier"}.get(event, "points")
        if not found[needed] or Decimal(found[needed]) < 0:
            raise policy_fault(
                path, number, f"{needed} is {found[needed] or 'empty'}: {event} needs a number, 0 or more."
            )
        for column in {"points_per_yuan", "points", "multiplier"} - {needed}:
            if found[column]:
                raise policy_fault(path, number, f"{column} is {found[column]}: {event} has {needed} alone.")
        if event != "purchase" and (found["sku"] or found["category"]):
            raise policy_fault(path, number, f"sku and category belong to the event purchase and not to {event}.")
        if found["scheme"] or found["tiers"]:
            _check_tiers(path, row, tiers)
    _check_unique(path, "event", "sku", "category", "scheme", "tiers", "valid_from")


def _check_settings(path: Path, bounds: Mapping[str, tuple[int, int | None]]) -> None:
    for row in _rows(path):
        setting = _one_of(path, row, "setting", bounds)
        least, greatest = bounds[setting]
        value = row[1]["value"]
        if not value or Decimal(value) < least or (greatest is not None and Decimal(value) > greatest):
            upper = "" if greatest is None else f" to {greatest}"
            raise policy_fault(path, row[0], f"{setting} is {value or 'empty'}: write a number from {least}{upper}.")
    missing = sorted(set(bounds) - _names(path, "setting"))
    if missing:
        raise UserError(f"The policy table {path} has no row for {', '.join(missing)}. Add one for each.")
    _check_unique(path, "setting", "valid_from")


def _check_tiers(path: Path, row: Row, tiers: dict[str, set[str]], column: str = "tiers") -> None:
    number, found = row
    scheme = _one_of(path, row, "scheme", tiers)
    for tier in found[column].split() or [""]:
        if tier not in tiers[scheme]:
            raise policy_fault(
                path, number, f"{tier!r} is no tier of {scheme}: use {', '.join(sorted(tiers[scheme]))}."
            )


def _tiers(policy_dir: Path) -> dict[str, set[str]]:
    """The tiers of every scheme, and the stages of both views of the lifecycle."""
    tiers: dict[str, set[str]] = {"rfm": {"no_purchase", *_names(policy_dir / "rfm_segments.csv", "segment")}}
    for _, found in _rows(policy_dir / "tier_schemes.csv"):
        tiers.setdefault(found["scheme"], set()).add(found["tier"])
    for _, found in _rows(policy_dir / "lifecycle_rules.csv"):
        tiers.setdefault(found["lifecycle_view"], set()).add(found["stage"])
    return tiers


def _check_unique(path: Path, *columns: str) -> None:
    if repeat := first_repeat(_rows(path), columns):
        row, earlier, values = repeat
        raise policy_fault(path, row, f"{', '.join(filter(None, values))} stands in row {earlier} already.")


def _one_of(path: Path, row: Row, column: str, known: Iterable[str]) -> str:
    number, found = row
    names = sorted(known)
    if found[column] not in names:
        raise policy_fault(path, number, f"{column} is {found[column]!r}: use one of {', '.join(names)}.")
    return found[column]


def _names(path: Path, column: str) -> set[str]:
    return {found[column] for _, found in _rows(path)}


def _rows(path: Path) -> list[Row]:
    return read_policy_rows(path, strip=True)
