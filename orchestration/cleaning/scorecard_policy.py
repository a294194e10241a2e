"""From which share of good values a field is good, doubtful or bad: `scorecard_targets.csv`.

What belongs here: reading and checking that file. What does not: measuring (`scorecard.py`).
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.cleaning.policy_scope import check_scope
from orchestration.errors import UserError
from orchestration.policy_rows import read_day, read_number, read_policy_rows

DIMENSIONS = ("completeness", "validity", "timeliness", "uniqueness", "consistency")
_COLUMNS = (
    "dimension",
    "source",
    "dataset",
    "field",
    "yellow_below",
    "red_below",
    "late_after_days",
    "steady_within",
    "owner",
    "valid_from",
    "why",
)


@dataclass(frozen=True)
class ScoreTarget:
    """Bounds of one dimension; empty `source`, `dataset` or `field` mean all, and the most specific row wins.

    A share below `red_below` is red, below `yellow_below` yellow; 0 judges nothing. A row that came more than
    `late_after_days` after the day it tells of is late. A share that moved by no more than `steady_within` is steady.
    """

    dimension: str
    source: str
    dataset: str
    field: str
    yellow_below: float
    red_below: float
    late_after_days: int | None
    steady_within: float
    owner: str
    valid_from: date


def load(policy_dir: Path, known: dict[str, set[str]]) -> tuple[ScoreTarget, ...]:
    """Read the targets.

    Args:
        policy_dir: The folder of the policy tables.
        known: Columns by `source/dataset`.

    Raises:
        UserError: the file is missing or a row is wrong; the message names file, row, value and what to write.
    """
    path = policy_dir / "scorecard_targets.csv"
    rows = read_policy_rows(path, _COLUMNS, strip=True)
    targets = tuple(_target(f"{path.name} row {number}", row, known) for number, row in rows)
    anywhere = {t.dimension for t in targets if not (t.source or t.dataset or t.field)}
    missing = [d for d in DIMENSIONS if d not in anywhere]
    if missing:
        raise UserError(f"{path.name}: no row for all sources sets the bounds of {missing[0]}. Add one.")
    return targets


def _target(where: str, row: dict[str, str], known: dict[str, set[str]]) -> ScoreTarget:
    if row["dimension"] not in DIMENSIONS:
        raise UserError(f"{where}: dimension {row['dimension']!r} is not known; use {', '.join(DIMENSIONS)}.")
    check_scope(where, row["source"], row["dataset"], known, noun="field", column=row["field"])
    yellow, red = _share(where, "yellow_below", row), _share(where, "red_below", row)
    if red > yellow:
        raise UserError(f"{where}: red_below {red} must not be above yellow_below {yellow}.")
    late = None
    if row["dimension"] == "timeliness":
        late = int(read_number(where, "late_after_days", row["late_after_days"]))
    return ScoreTarget(
        row["dimension"],
        row["source"],
        row["dataset"],
        row["field"],
        yellow,
        red,
        late,
        _share(where, "steady_within", row),
        row["owner"],
        read_day(where, "valid_from", row["valid_from"]),
    )


def _share(where: str, name: str, row: dict[str, str]) -> float:
    try:
        share = float(row[name])
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UserError(f"{where}: {name} is {row[name]!r}: write a share between 0 and 1.")
    return share
