"""Which differences from the usual are worth a word: `drift_rules.csv` and `drift_settings.csv`.

What belongs here: reading and checking these two files. What does not: finding differences (`drift.py`).
"""

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

from orchestration.cleaning.policy_scope import check_scope
from orchestration.errors import UserError
from orchestration.policy_rows import newest_in_force, read_day, read_number, read_policy_rows

# Findings without a threshold are there or not.
WITHOUT_THRESHOLD = ("new_column", "shadowed_column", "missing_column", "renamed_column", "unknown_value")
WITH_THRESHOLD = (
    "retyped_column",
    "volume",
    "volume_trend",
    "null_rate",
    "null_rate_trend",
    "mean_shift",
    "share_shift",
)
SEVERITIES = ("ignore", "warn", "block")
_RULES = ("finding", "source", "dataset", "column_name", "severity", "threshold", "valid_from", "why")


@dataclass(frozen=True)
class DriftRule:
    """What a finding means; empty `source`, `dataset` or `column_name` mean all, and the most specific rule wins."""

    finding: str
    source: str
    dataset: str
    column_name: str
    severity: str
    threshold: float
    valid_from: date


@dataclass(frozen=True)
class DriftSettings:
    """One number per row of `drift_settings.csv`; its `why` column says what each is for."""

    history_days: float
    min_deliveries: float
    min_weekday_deliveries: float
    min_rows: float
    spread_factor: float
    trend_deliveries: float


@dataclass(frozen=True)
class DriftPolicy:
    """The rules and the settings in force."""

    rules: tuple[DriftRule, ...]
    settings: DriftSettings


def load(policy_dir: Path, known: dict[str, set[str]]) -> DriftPolicy:
    """Read both files.

    Args:
        policy_dir: The folder of the policy tables.
        known: Columns by `source/dataset`, so that a rule for a column nobody delivers is refused.

    Raises:
        UserError: a file is missing or a row is wrong; the message names file, row, value and what to write.
    """
    path = policy_dir / "drift_rules.csv"
    rules = tuple(_rule(path, number, row, known) for number, row in read_policy_rows(path, _RULES, strip=True))
    anywhere = {r.finding for r in rules if not (r.source or r.dataset or r.column_name)}
    missing = sorted({*WITHOUT_THRESHOLD, *WITH_THRESHOLD} - anywhere)
    if missing:
        raise UserError(f"{path.name}: no row for all sources says what {missing[0]} means. Add one.")
    return DriftPolicy(rules, _settings(policy_dir / "drift_settings.csv"))


def _rule(path: Path, number: int, row: dict[str, str], known: dict[str, set[str]]) -> DriftRule:
    where = f"{path.name} row {number}"
    finding, severity = row["finding"], row["severity"]
    if finding not in (*WITHOUT_THRESHOLD, *WITH_THRESHOLD):
        raise UserError(
            f"{where}: finding {finding!r} is not known; use {', '.join((*WITHOUT_THRESHOLD, *WITH_THRESHOLD))}."
        )
    if severity not in SEVERITIES:
        raise UserError(f"{where}: severity {severity!r} is not known; use {', '.join(SEVERITIES)}.")
    column = "" if finding == "new_column" else row["column_name"]
    check_scope(where, row["source"], row["dataset"], known, noun="column", column=column)
    threshold = read_number(where, "threshold", row["threshold"]) if finding in WITH_THRESHOLD else 0.0
    return DriftRule(
        finding,
        row["source"],
        row["dataset"],
        row["column_name"],
        severity,
        threshold,
        read_day(where, "valid_from", row["valid_from"]),
    )


def _settings(path: Path) -> DriftSettings:
    names = [field.name for field in fields(DriftSettings)]
    versions: list[tuple[str, date, float]] = []
    for number, row in read_policy_rows(path, ("setting", "value", "valid_from"), strip=True):
        where = f"{path.name} row {number}"
        if row["setting"] not in names:
            raise UserError(f"{where}: setting {row['setting']!r} is not known; use {', '.join(names)}.")
        since = read_day(where, "valid_from", row["valid_from"])
        versions.append((row["setting"], since, read_number(where, row["setting"], row["value"])))
    in_force = newest_in_force(versions, date.max)
    missing = [name for name in names if name not in in_force]
    if missing:
        raise UserError(f"{path.name}: there is no row for {', '.join(missing)}. Add one.")
    return DriftSettings(**in_force)
