"""The policy tables that place every customer, checked for sense before a run: tiers, stages, scores and settings.

What belongs here: whether the rows of a table that is read top down leave nobody out and nothing unreached, whether
boxes cover every score cell, and whether settings are there and within reason. What does not: shape and types
(`policy_files.py`), rules in the rule language (`rule_tables.py`), and what the metrics mean (`models/`).

A table says in `warehouse_policies.yml`, under `meta`, what it is:

    first_match: {group: scheme, groups: [spend_tier, …], outcome: tier, metrics: [window_spend, …], official: official}
    first_match: {outcome: price_band, metrics: [unit_price], never_empty: [unit_price]}
    boxes: {outcome: segment, axes: [r, f, m], lowest: 1, highest: 5}
    settings: {spend_days: {at_least: 1, whole: true}, …}

In a first-match table the first position whose conditions all hold wins, so bounds may lie within those of a later
position. What nobody can have meant is refused: a position that no customer can reach, bounds that cut into each
other, a stretch between two positions that falls through to a later one, and a table without a last row for everybody.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import pairwise, product
from pathlib import Path
from typing import Any, NoReturn

from orchestration.errors import UserError
from orchestration.policy_rows import Row, read_policy_rows
from orchestration.warehouse.policy_declaration import DECLARATION, declared_tables

_INFINITY = Decimal("Infinity")
# An outcome becomes a literal in SQL and a value in reports.
_OUTCOME = re.compile(r"[a-z0-9][a-z0-9_]*")

Interval = tuple[Decimal, Decimal]


@dataclass
class Position:
    """One position of a first-match table: what it gives, and the interval [at_least, below) of each metric."""

    number: int
    outcome: str
    row: int
    bounds: dict[str, Interval] = field(default_factory=dict)


def check_scheme_files(policy_dir: Path, declaration: str = DECLARATION) -> list[str]:
    """Check every policy table whose declaration says what it is.

    Args:
        policy_dir: The folder of the CSV files and of the declaration; their shape and types are sound.
        declaration: The name of the declaration.

    Returns:
        The names of the tables that were checked.

    Raises:
        UserError: a row names an unknown scheme, metric or setting, has reversed or
            overlapping bounds, leaves a gap, or can never be reached; a table has no official scheme or two. The
            message names file, row (the header is row 1), value and what to do.
    """
    checked = []
    for seed in declared_tables(policy_dir, declaration):
        meta = seed["config"].get("meta", {})
        path = policy_dir / f"{seed['name']}.csv"
        for kind, check in (
            ("first_match", _check_first_match),
            ("boxes", _check_boxes),
            ("settings", _check_settings),
        ):
            if kind in meta:
                check(path, read_policy_rows(path), meta[kind])
                checked.append(seed["name"])
    return checked


def _refuse(path: Path, row: int | None, problem: str, advice: str) -> NoReturn:
    where = f"The policy table {path}" + (f", row {row}" if row else "")
    raise UserError(f"{where}: {problem}. {advice}")


def _check_first_match(path: Path, lines: Sequence[Row], meta: Mapping[str, Any]) -> None:
    group, outcome = meta.get("group"), meta["outcome"]
    groups = meta["groups"] if group else [outcome]
    versions: dict[tuple[str, date], list[Row]] = {}
    for row, line in lines:
        name = line[group] if group else outcome
        if name not in groups:
            _refuse(path, row, f"{group} {name!r} is not known", f"Use one of {', '.join(groups)}.")
        versions.setdefault((name, date.fromisoformat(line["valid_from"])), []).append((row, line))
    missing = [name for name in groups if name not in {name for name, _ in versions}]
    if missing:
        _refuse(path, None, f"{missing[0]} has no row", f"Every one of {', '.join(groups)} needs its rows.")
    for (name, valid_from), rows in versions.items():
        _check_labels(path, rows, outcome)
        positions = _positions(path, rows, meta)
        _check_borders(path, positions)
        _check_end(path, positions, f"{name} from {valid_from} on", meta.get("never_empty", ()))
        _check_reach(path, positions)
    if "official" in meta:
        _check_official(path, versions, meta["official"])


def _check_labels(path: Path, rows: Iterable[Row], outcome: str) -> None:
    """Each outcome is a plain word and has one Chinese name."""
    labels: dict[str, tuple[int, str]] = {}
    for row, line in rows:
        name, label = line[outcome], line.get("label_zh")
        if not _OUTCOME.fullmatch(name):
            _refuse(
                path, row, f"{outcome} {name!r} is not a plain word", "Use small letters, digits and underscores only."
            )
        if label is None:
            continue
        first_row, first_label = labels.setdefault(name, (row, label))
        if label != first_label:
            _refuse(
                path,
                row,
                f"{outcome} {name} is called {label!r} here and {first_label!r} in row {first_row}",
                "Give all its rows one label_zh.",
            )


def _positions(path: Path, rows: Iterable[Row], meta: Mapping[str, Any]) -> list[Position]:
    """The positions of one version in their order, each with the interval of every metric it names."""
    positions: dict[int, Position] = {}
    conditions: dict[tuple[str, ...], int] = {}
    for row, line in rows:
        if not line["position"].strip():
            _refuse(path, row, "position is empty", "Number the positions; the lowest one that holds wins.")
        number, outcome = int(line["position"]), line[meta["outcome"]]
        position = positions.setdefault(number, Position(number, outcome, row))
        if position.outcome != outcome:
            _refuse(
                path,
                row,
                f"position {number} gives {outcome} here and {position.outcome} in row {position.row}",
                "Rows of one position are conditions of one outcome: give this one a position of its own.",
            )
        if position.row != row and (not line["metric"] or not position.bounds):
            _refuse(
                path,
                row,
                f"position {number} stands in row {position.row} already, and one of the two has no condition",
                "Leave the row for everybody alone at the last position.",
            )
        metric, interval = line["metric"], _interval(path, row, line)
        if not metric:
            continue
        condition = (line["position"], metric, line["at_least"], line["below"])
        if condition in conditions:
            _refuse(path, row, f"the condition stands in row {conditions[condition]} already", "Delete one of the two.")
        conditions[condition] = row
        if metric not in meta["metrics"]:
            _refuse(path, row, f"metric {metric!r} is not known", f"Use one of {', '.join(sorted(meta['metrics']))}.")
        low, high = position.bounds.get(metric, (-_INFINITY, _INFINITY))
        joined = (max(low, interval[0]), min(high, interval[1]))
        if joined[0] >= joined[1]:
            _refuse(
                path,
                row,
                f"position {number} asks {metric} for values that contradict each other",
                "Correct at_least and below, or move the row to a position of its own.",
            )
        position.bounds[metric] = joined
    return [positions[number] for number in sorted(positions)]


def _interval(path: Path, row: int, line: Mapping[str, str]) -> Interval:
    """The interval [at_least, below) of one row; open where the row leaves a bound empty."""
    low, high = line["at_least"].strip(), line["below"].strip()
    if line["metric"] and not low and not high:
        _refuse(path, row, f"metric {line['metric']} has no bound", "Fill at_least, below or both.")
    if not line["metric"] and (low or high):
        _refuse(path, row, f"the bound {low or high} has no metric", "Name the metric that it bounds.")
    interval = (Decimal(low) if low else -_INFINITY, Decimal(high) if high else _INFINITY)
    if interval[0] >= interval[1]:
        _refuse(path, row, f"at_least {low} is not below {high}", "Swap the two or correct one.")
    return interval


def _check_end(path: Path, positions: Sequence[Position], scheme: str, never_empty: Iterable[str]) -> None:
    """The last position, and no other, is for everybody, or one metric that is never empty leaves nobody out."""
    last = positions[-1]
    everything = (-_INFINITY, _INFINITY)
    leaves_nobody_out = any(
        _covered(everything, sorted(p.bounds[metric] for p in positions if set(p.bounds) == {metric}))
        for metric in never_empty
    )
    if last.bounds and not leaves_nobody_out:
        _refuse(
            path,
            last.row,
            f"{scheme} leaves a gap: whoever fails the conditions of the last position {last.number} "
            f"({last.outcome}) has no place",
            "Add a last position without a metric, for everybody else.",
        )
    for position, following in pairwise(positions):
        if not position.bounds:
            _refuse(
                path,
                following.row,
                f"position {following.number} ({following.outcome}) is never reached, because position "
                f"{position.number} in row {position.row} takes everybody",
                "Move the row for everybody to the end.",
            )


def _check_reach(path: Path, positions: Sequence[Position]) -> None:
    """No position lies wholly within earlier ones."""
    for index, position in enumerate(positions):
        if not position.bounds:
            continue
        earlier = positions[:index]
        for other in earlier:
            if all(
                metric in position.bounds and _within(position.bounds[metric], bound)
                for metric, bound in other.bounds.items()
            ):
                _refuse(
                    path,
                    position.row,
                    f"position {position.number} ({position.outcome}) is never reached: whoever meets it already meets "
                    f"position {other.number} ({other.outcome}) in row {other.row}",
                    "Put the narrower condition first, or correct the bounds.",
                )
        for metric, bound in position.bounds.items():
            alone = sorted(other.bounds[metric] for other in earlier if set(other.bounds) == {metric})
            if _covered(bound, alone):
                _refuse(
                    path,
                    position.row,
                    f"position {position.number} ({position.outcome}) is never reached: the positions before it take "
                    f"every value of {metric} that it asks for",
                    "Correct the bounds, or delete the row.",
                )


def _check_borders(path: Path, positions: Sequence[Position]) -> None:
    """Positions that one metric decides alone meet each other: no cut into one another, no hole between."""
    metrics = {metric for position in positions for metric in position.bounds if len(position.bounds) == 1}
    for metric in sorted(metrics):
        alone = [position for position in positions if set(position.bounds) == {metric}]
        ordered = sorted(alone, key=lambda position: position.bounds[metric])
        for lower, upper in product(alone, alone):
            (low, high), (from_, to) = lower.bounds[metric], upper.bounds[metric]
            if low < from_ < high < to:
                _refuse(
                    path,
                    max(lower.row, upper.row),
                    f"{metric} from {from_} to below {high} overlaps: both position {lower.number} ({lower.outcome}, "
                    f"row {lower.row}) and position {upper.number} ({upper.outcome}, row {upper.row}) ask for it",
                    "Let one end where the other begins.",
                )
        for lower, upper in pairwise(ordered):
            hole = (lower.bounds[metric][1], upper.bounds[metric][0])
            if hole[0] < hole[1] and lower.bounds[metric][1] != _INFINITY and not _touched(hole, positions, metric):
                _refuse(
                    path,
                    max(lower.row, upper.row),
                    f"{metric} from {hole[0]} to below {hole[1]} is a gap between position {lower.number} "
                    f"({lower.outcome}, row {lower.row}) and {upper.number} ({upper.outcome}, row {upper.row})",
                    "Let one end where the other begins, or add a row for it.",
                )


def _touched(hole: Interval, positions: Iterable[Position], metric: str) -> bool:
    """Whether another position speaks of values in the hole."""
    return any(
        metric in position.bounds and position.bounds[metric][0] < hole[1] and position.bounds[metric][1] > hole[0]
        for position in positions
    )


def _within(inner: Interval, outer: Interval) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _covered(bound: Interval, intervals: Iterable[Interval]) -> bool:
    """Whether sorted intervals together hold every value of `bound`."""
    reached = bound[0]
    for low, high in intervals:
        if low > reached:
            return False
        reached = max(reached, high)
        if reached >= bound[1]:
            return True
    return False


def _check_official(path: Path, versions: Mapping[tuple[str, date], Sequence[Row]], column: str) -> None:
    """On every day exactly one scheme is official."""
    official: dict[tuple[str, date], tuple[bool, int]] = {}
    for key, rows in versions.items():
        row, line = rows[0]
        official[key] = (line[column].strip().lower() in {"true", "t", "yes", "1"}, row)
        for other_row, other in rows:
            if other[column].strip().lower() != line[column].strip().lower():
                _refuse(
                    path,
                    other_row,
                    f"{column} is {other[column]!r} here and {line[column]!r} in row {row} of the same scheme",
                    "Write the same in all rows of a scheme.",
                )
    for day in sorted({valid_from for _, valid_from in versions}):
        marked = []
        for name in {name for name, _ in versions}:
            dates = [valid_from for other, valid_from in versions if other == name]
            version = max((valid_from for valid_from in dates if valid_from <= day), default=min(dates))
            if official[name, version][0]:
                marked.append((official[name, version][1], name))
        if not marked:
            _refuse(path, None, f"no scheme is official from {day} on", f"Set {column} to true in all rows of one.")
        if len(marked) > 1:
            first, second = sorted(marked)[:2]
            _refuse(
                path,
                second[0],
                f"{second[1]} is official from {day} on, and so is {first[1]} in row {first[0]}",
                f"Set {column} to false in all rows of one of them.",
            )


def _check_boxes(path: Path, lines: Sequence[Row], meta: Mapping[str, Any]) -> None:
    """Every cell lies in a box, every box wins a cell, and no two boxes share a position."""
    axes, lowest, highest = meta["axes"], meta["lowest"], meta["highest"]
    versions: dict[date, list[Row]] = {}
    for row, line in lines:
        versions.setdefault(date.fromisoformat(line["valid_from"]), []).append((row, line))
    for valid_from, rows in versions.items():
        _check_labels(path, rows, meta["outcome"])
        boxes: dict[int, tuple[int, str, list[range]]] = {}
        for row, line in rows:
            number = line["position"].strip()
            if not number:
                _refuse(path, row, "position is empty", "Number the boxes; the lowest one that holds a cell wins.")
            if int(number) in boxes:
                _refuse(
                    path,
                    row,
                    f"position {number} stands in row {boxes[int(number)][0]} already",
                    "Boxes may overlap only in the order of their positions: give this one a position of its own.",
                )
            sides = [_side(path, row, line, axis, lowest, highest) for axis in axes]
            boxes[int(number)] = (row, line[meta["outcome"]], sides)
        taken: set[tuple[int, ...]] = set()
        for place in sorted(boxes):
            row, outcome, sides = boxes[place]
            won = set(product(*sides)) - taken
            if not won:
                _refuse(
                    path,
                    row,
                    f"position {place} ({outcome}) is never reached: the boxes before it hold all its cells",
                    "Move it up, correct its bounds, or delete the row.",
                )
            taken |= won
        left_out = sorted(set(product(range(lowest, highest + 1), repeat=len(axes))) - taken)
        if left_out:
            cell = "".join(str(score) for score in left_out[0])
            _refuse(
                path,
                None,
                f"{len(left_out)} of the cells lie in no box from {valid_from} on, such as {cell}",
                "Add a last box that holds every cell.",
            )


def _side(path: Path, row: int, line: Mapping[str, str], axis: str, lowest: int, highest: int) -> range:
    """The scores a box takes on one axis."""
    bounds = []
    for column in (f"{axis}_from", f"{axis}_to"):
        value = line[column].strip()
        if not value or not lowest <= int(value) <= highest:
            _refuse(path, row, f"{column} is {value or 'empty'}", f"Scores go from {lowest} to {highest}.")
        bounds.append(int(value))
    if bounds[0] > bounds[1]:
        _refuse(path, row, f"{axis}_from {bounds[0]} is above {axis}_to {bounds[1]}", "Swap the two.")
    return range(bounds[0], bounds[1] + 1)


def _check_settings(path: Path, lines: Sequence[Row], meta: Mapping[str, Mapping[str, Any]]) -> None:
    """Every setting is there once per day of validity, within its bounds, and rises where it must."""
    seen: dict[tuple[str, date], int] = {}
    for row, line in lines:
        name, valid_from = line["setting"], date.fromisoformat(line["valid_from"])
        if name not in meta:
            _refuse(path, row, f"setting {name!r} is not known", f"Use one of {', '.join(meta)}.")
        if (name, valid_from) in seen:
            _refuse(
                path,
                row,
                f"{name} from {valid_from} on stands in row {seen[name, valid_from]} already",
                "Delete one of the two or give it a later valid_from.",
            )
        seen[name, valid_from] = row
        _check_value(path, row, name, line["value"], meta[name])
    missing = [name for name in meta if name not in {name for name, _ in seen}]
    if missing:
        _refuse(path, None, f"setting {missing[0]} has no row", "Restore it from the repository.")
    values = {(name, day): Decimal(dict(lines)[row]["value"]) for (name, day), row in seen.items()}
    for lower, upper in ((name, meta[name]["under"]) for name in meta if "under" in meta[name]):
        for day in sorted({day for name, day in seen if name in (lower, upper)}):
            low, high = _on(values, lower, day), _on(values, upper, day)
            if low >= high:
                row = max(seen[key] for key in seen if key[0] in (lower, upper) and key[1] <= day)
                _refuse(
                    path, row, f"{lower} {low} is not below {upper} {high} from {day} on", "Correct one of the two."
                )


def _on(values: Mapping[tuple[str, date], Decimal], name: str, day: date) -> Decimal:
    """The value of a setting in force on a day; days before the first version use the first."""
    dates = [valid_from for other, valid_from in values if other == name]
    return values[name, max((valid_from for valid_from in dates if valid_from <= day), default=min(dates))]


def _check_value(path: Path, row: int, name: str, text: str, meta: Mapping[str, Any]) -> None:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        _refuse(path, row, f"{name} is {text or 'empty'}", "Write a number.")
    if meta.get("whole") and value != value.to_integral_value():
        _refuse(path, row, f"{name} is {text}", "Write a whole number.")
    low, high = Decimal(str(meta.get("at_least", "-Infinity"))), Decimal(str(meta.get("at_most", "Infinity")))
    if not low <= value <= high:
        limits = f"from {low}" + (f" to {high}" if high != _INFINITY else "")
        _refuse(path, row, f"{name} is {text}", f"Write a value {limits}.")


_CHECKS = {"first_match": _check_first_match, "boxes": _check_boxes, "settings": _check_settings}
