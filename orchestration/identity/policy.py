"""Identity policy as it stands on a day: limits, rules and blocked values read from `seeds/policy`.

What belongs here: reading those CSV files and saying which row is in force. What does not: what the rules
do (the other modules of this room).
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.errors import UserError
from orchestration.identity.blocking_keys import KEYS
from orchestration.policy_rows import newest_in_force, read_policy_rows


@dataclass(frozen=True)
class BlockingRule:
    """What two records must share to be compared: the `keys` together, by their names in `blocking_keys.KEYS`."""

    name: str
    keys: tuple[str, ...]
    max_block_size: int


@dataclass(frozen=True)
class ComparisonLevel:
    """One level of a comparison with the shares of matches (m), strangers (u) and relatives that reach it.

    Relatives are two people of one household: they share a door, often a surname, sometimes a number.
    """

    comparison: str
    level: str
    m: float
    u: float
    relatives: float


@dataclass(frozen=True)
class SurvivorshipRule:
    """How one field of the golden record is chosen: strategies in order, the first that decides wins."""

    field: str
    strategies: tuple[str, ...]


@dataclass(frozen=True)
class IdentityPolicy:
    """Every identity rule in force on one day.

    `priors` are the chance that two random records match, by the number of records up to which it holds.
    """

    limits: dict[str, float]
    confidences: dict[str, float]
    blocking_rules: tuple[BlockingRule, ...]
    levels: tuple[ComparisonLevel, ...]
    priors: tuple[tuple[float, float], ...]
    blocked: tuple[tuple[str, str], ...]
    survivorship: tuple[SurvivorshipRule, ...]
    source_trust: dict[str, int]

    def limit(self, name: str) -> float:
        """Return a limit of `identity_limits.csv`.

        Raises:
            UserError: the file holds no row of that name in force.
        """
        if name not in self.limits:
            raise UserError(f"identity_limits.csv has no row `{name}` in force: add one with valid_from and why.")
        return self.limits[name]

    def confidence(self, rule: str) -> float:
        """Return the probability a link of this rule carries.

        Raises:
            UserError: the file holds no row of that name in force.
        """
        if rule not in self.confidences:
            raise UserError(f"identity_rules.csv has no row `{rule}` in force: add one with valid_from and why.")
        return self.confidences[rule]


def load_policy(directory: Path, as_of: date) -> IdentityPolicy:
    """Read the identity policy in force on `as_of`; rows switched off (`enabled` is `no`) are left out.

    Raises:
        UserError: a file is missing, lacks a column or holds a value that cannot be read; the message
            names the file, the line and the value.
    """
    limits = {r["limit"]: _number(r, "value") for r in _in_force(directory / "identity_limits.csv", ["limit"], as_of)}
    rules = _in_force(directory / "identity_rules.csv", ["rule"], as_of)
    blocking = _in_force(directory / "blocking_rules.csv", ["blocking_rule"], as_of)
    levels = _in_force(directory / "comparison_levels.csv", ["comparison", "level"], as_of)
    priors = _in_force(directory / "match_priors.csv", ["records_up_to"], as_of)
    blocked = _in_force(directory / "blocked_identifiers.csv", ["kind", "value"], as_of)
    survivorship = _in_force(directory / "survivorship.csv", ["field"], as_of)
    trust = _in_force(directory / "source_trust.csv", ["source"], as_of)
    return IdentityPolicy(
        limits=limits,
        confidences={r["rule"]: _number(r, "confidence") for r in rules if _on(r)},
        blocking_rules=tuple(
            BlockingRule(r["blocking_rule"], _keys(r), int(_number(r, "max_block_size"))) for r in blocking if _on(r)
        ),
        levels=tuple(
            ComparisonLevel(r["comparison"], r["level"], _number(r, "m"), _number(r, "u"), _number(r, "relatives"))
            for r in levels
        ),
        priors=tuple(sorted((_number(r, "records_up_to"), _probability(r, "prior")) for r in priors)),
        blocked=tuple((r["kind"], r["value"]) for r in blocked if _on(r)),
        survivorship=tuple(SurvivorshipRule(r["field"], tuple(r["strategies"].split())) for r in survivorship),
        source_trust={r["source"]: int(_number(r, "trust")) for r in trust},
    )


def _in_force(path: Path, key: list[str], as_of: date) -> list[dict[str, str]]:
    """Rows of a policy file, for each key the one with the newest `valid_from` that is not after `as_of`."""
    versions = []
    for number, row in read_policy_rows(path, strip=True):
        line = f"{path.name} line {number}"
        missing = [c for c in [*key, "valid_from", "why"] if not row.get(c)]
        if missing:
            raise UserError(f"{line} has no value for {', '.join(missing)}: fill it in.")
        try:
            valid_from = date.fromisoformat(row["valid_from"])
        except ValueError as error:
            raise UserError(f"{line}: valid_from `{row['valid_from']}` is not a date; write YYYY-MM-DD.") from error
        versions.append((tuple(row[c] for c in key), valid_from, row | {"_line": line}))
    return list(newest_in_force(versions, as_of).values())


def _probability(row: dict[str, str], column: str) -> float:
    value = _number(row, column)
    if not 0 < value < 1:
        raise UserError(f"{row['_line']}: {column} `{row[column]}` must lie between 0 and 1.")
    return value


def _number(row: dict[str, str], column: str) -> float:
    try:
        return float(row[column])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{row['_line']}: {column} `{row.get(column)}` is not a number.") from error


def _keys(row: dict[str, str]) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in (row.get("keys") or "").split("+"))
    unknown = [key for key in keys if key not in KEYS]
    if unknown:
        raise UserError(
            f"{row['_line']}: keys names `{unknown[0]}`, which is no key: join by + some of {', '.join(sorted(KEYS))}."
        )
    return keys


def _on(row: dict[str, str]) -> bool:
    if row.get("enabled") not in {"yes", "no"}:
        raise UserError(f"{row['_line']}: enabled `{row.get('enabled')}` must be yes or no.")
    return row["enabled"] == "yes"
