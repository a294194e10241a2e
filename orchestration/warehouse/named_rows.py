"""Policy tables whose rows have names that models look up, checked before a run.

What belongs here: that each name is known, stands once per day, is there at all, and carries values that make sense. A
model that looks a misspelt name up finds nothing and goes on without it. What does not: shape and types
(`policy_files.py`), tables that are read top down (`scheme_files.py`), and what the names mean (`models/`).

A table says in `warehouse_policies.yml`, under `meta`, what its rows are:

    rows:
      key: [cost, applies_to]              # stands once for each valid_from
      known:                               # the names there are, parts joined by ` / `, and what each may hold
        return / order: {}
        gross_margin_share / all: {amount: {at_most: 1}}
        outreach / sms: {needed: false}    # may be left out; every other one must have a row
      numbers: {amount: {at_least: 0}}     # filled, within these bounds; `whole: true`; `may_be_empty: true`
      words: {level: [index, driver]}      # filled, with one of these
      when: {kind: {case: {value: […]}}}   # the same, where `kind` is `case`; blanks part several words, [] means empty
      needed: {columns: [kind], names: [a, b]}  # each has a row at least
      filled: [label_zh]
      rising: [[mild_at, full_at]]         # the first below the second
      apart: [[zero_at, full_at]]          # the two differ
      weights: {column: weight, by: level} # of each group not all are 0, by the rows in force on any day
      same: {life_stage: [label_zh]}       # rows of one life_stage have one label_zh
      patterns: [regex]                    # a regular expression that the database takes, and no empty text matches
    bands: {name: age_band, from: at_least, to: below, lowest: 0, highest: 100}

Words are a list, or a mapping that says where they stand: `{table: …, column: …}` in another policy table (`where:
[tag]`: in its rows with the same tag), `{contract: …, column: …}` among the values of a contract's column.

Rows of `bands` hold as a whole from their valid_from on, follow each other without gap or overlap, and reach from
`lowest` to `highest` at least.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from data_quality.contract import load_contracts
from orchestration.database import literal
from orchestration.errors import UserError
from orchestration.policy_rows import Row, first_repeat, policy_fault, read_policy_rows
from orchestration.warehouse.policy_declaration import DECLARATION, declared_tables


def check_named_rows(policy_dir: Path, declaration: str = DECLARATION) -> list[str]:
    """Check every policy table whose declaration says what its rows are called.

    Args:
        policy_dir: The folder of the CSV files and of the declaration; their shape and types are sound.
        declaration: The name of the declaration.

    Returns:
        The names of the tables that were checked.

    Raises:
        UserError: an unknown or repeated name, one without a row, a number out of bounds, bands with a gap or overlap;
            the message names file, row (the header is row 1), value and what to do.
    """
    checked = []
    for seed in declared_tables(policy_dir, declaration):
        meta = seed["config"].get("meta", {})
        path = policy_dir / f"{seed['name']}.csv"
        if "rows" in meta:
            _check_rows(path, read_policy_rows(path), meta["rows"])
            checked.append(seed["name"])
        if "bands" in meta:
            _check_bands(path, read_policy_rows(path), meta["bands"])
            checked.append(seed["name"])
    return checked


def _check_rows(path: Path, rows: Sequence[Row], meta: Mapping[str, Any]) -> None:
    known: Mapping[str, Mapping[str, Any]] = meta.get("known", {})
    if repeat := first_repeat(rows, [*meta["key"], "valid_from"]):
        row, earlier, values = repeat
        raise policy_fault(
            path,
            row,
            f"{_name(values[:-1])} from {values[-1]} on stands in row {earlier} already. Delete one of the two, or "
            "give it a later valid_from.",
        )
    if known:
        _check_known(path, rows, meta["key"], known)
    if "needed" in meta:
        given = {_name(found[column] for column in meta["needed"]["columns"]) for _, found in rows}
        missing = [name for name in meta["needed"]["names"] if name not in given]
        if missing:
            raise UserError(f"The policy table {path} has no row for {missing[0]}: restore it from the repository.")
    for row, found in rows:
        bounds = known.get(_name(found[column] for column in meta["key"]), {}) if known else {}
        for column in meta.get("filled", ()):
            if not found[column]:
                raise policy_fault(path, row, f"{column} is empty: fill it in.")
        for column, limits in meta.get("numbers", {}).items():
            _check_number(path, row, column, found[column], {**limits, **bounds.get(column, {})})
        for column, words in meta.get("words", {}).items():
            allowed = _words(path.parent, words, found)
            # Without a row to look at, another check refuses the name that was looked for.
            if allowed:
                _check_word(path, row, column, found[column], allowed)
        for column, cases in meta.get("when", {}).items():
            for other, words in cases.get(found[column], {}).items():
                _check_several(path, row, other, found[other], _words(path.parent, words, found))
        for column, word in bounds.items():
            if isinstance(word, str) and found[column] != word:
                raise policy_fault(path, row, f"{column} is {found[column]!r}: it must be {word} here.")
        for low, high in meta.get("rising", ()):
            if Decimal(found[low]) >= Decimal(found[high]):
                raise policy_fault(path, row, f"{low} {found[low]} is not below {high} {found[high]}. Correct one.")
        for one, other in meta.get("apart", ()):
            if Decimal(found[one]) == Decimal(found[other]):
                raise policy_fault(path, row, f"{one} and {other} are both {found[one]}. Correct one.")
    for column, labels in meta.get("same", {}).items():
        for label in labels:
            _check_same(path, rows, column, label)
    for column in meta.get("patterns", ()):
        _check_patterns(path, rows, column)
    if "weights" in meta:
        _check_weights(path, rows, meta["key"], **meta["weights"])


def _check_known(path: Path, rows: Sequence[Row], key: Sequence[str], known: Mapping[str, Mapping[str, Any]]) -> None:
    given = set()
    for row, found in rows:
        name = _name(found[column] for column in key)
        if name not in known:
            raise policy_fault(path, row, f"{', '.join(key)} {name!r} is not known: use one of {', '.join(known)}.")
        given.add(name)
    for name, wanted in known.items():
        if name not in given and wanted.get("needed", True):
            raise UserError(
                f"The policy table {path} has no row for {name}: restore it from the repository. A weight of 0, or a "
                "later row with other values, changes what it does."
            )


def _name(parts: Iterable[str]) -> str:
    return " / ".join(parts)


def _check_number(path: Path, row: int, column: str, text: str, limits: Mapping[str, Any]) -> None:
    if not text and limits.get("may_be_empty"):
        return
    low, high = limits.get("at_least"), limits.get("at_most")
    value = Decimal(text) if text else Decimal("NaN")
    within = text and (low is None or value >= Decimal(str(low))) and (high is None or value <= Decimal(str(high)))
    if not within or (limits.get("whole") and value != value.to_integral_value()):
        kind = "a whole number" if limits.get("whole") else "a number"
        bounds = (f" from {low}" if low is not None else "") + (f" to {high}" if high is not None else "")
        raise policy_fault(path, row, f"{column} is {text or 'empty'}: write {kind}{bounds}.")


def _check_word(path: Path, row: int, column: str, text: str, words: Sequence[str]) -> None:
    if text not in words:
        raise policy_fault(path, row, f"{column} is {text!r}: use one of {', '.join(words)}.")


def _check_several(path: Path, row: int, column: str, text: str, words: Sequence[str]) -> None:
    if not words and text:
        raise policy_fault(path, row, f"{column} is {text!r}: it must be empty here.")
    for word in text.split() or ([""] if words else []):
        _check_word(path, row, column, word, words)


def _words(policy_dir: Path, words: Sequence[str] | Mapping[str, Any], found: Mapping[str, str]) -> Sequence[str]:
    if not isinstance(words, Mapping):
        return words
    if "contract" in words:
        return list(load_contracts()[words["contract"]].columns[words["column"]].values or ())
    rows = read_policy_rows(policy_dir / f"{words['table']}.csv")
    where = words.get("where", ())
    return sorted({other[words["column"]] for _, other in rows if all(other[name] == found[name] for name in where)})


def _check_patterns(path: Path, rows: Iterable[Row], column: str) -> None:
    with duckdb.connect() as con:
        for row, found in rows:
            try:
                # A literal: a parameter has DuckDB import pandas, in every start of a refresh.
                asked = f"select regexp_matches('', {literal(found[column])})"
                (matches_nothing,) = con.execute(asked).fetchall()[0]
            except duckdb.Error as error:
                raise policy_fault(
                    path, row, f"the {column} {found[column]!r} is no regular expression: {error}."
                ) from error
            if matches_nothing:
                raise policy_fault(
                    path, row, f"the {column} {found[column]!r} matches an empty text, and so everybody."
                )


def _check_same(path: Path, rows: Iterable[Row], column: str, label: str) -> None:
    seen: dict[tuple[str, str], tuple[int, str]] = {}
    for row, found in rows:
        first_row, first = seen.setdefault((found[column], found["valid_from"]), (row, found[label]))
        if found[label] != first:
            raise policy_fault(
                path, row, f"{label} of {found[column]} is {found[label]!r} here and {first!r} in row {first_row}."
            )


def _check_weights(path: Path, rows: Sequence[Row], key: Sequence[str], column: str, by: str | None = None) -> None:
    """On every day on which a row begins, the rows in force do not weigh nothing altogether."""
    for group in sorted({found[by] if by else "" for _, found in rows}):
        mine = [(row, found) for row, found in rows if not by or found[by] == group]
        for day in sorted({found["valid_from"] for _, found in mine}):
            newest: dict[str, tuple[str, Decimal]] = {}
            for _, found in mine:
                name = _name(found[part] for part in key)
                if found["valid_from"] <= day and found["valid_from"] >= newest.get(name, ("", 0))[0]:
                    newest[name] = (found["valid_from"], Decimal(found[column]))
            if not any(weight for _, weight in newest.values()):
                row = next(row for row, found in mine if found["valid_from"] == day)
                of = f" of {by} {group}" if by else ""
                raise policy_fault(path, row, f"every {column}{of} is 0 from {day} on: give one a weight above 0.")


def _check_bands(path: Path, rows: Sequence[Row], meta: Mapping[str, Any]) -> None:
    versions: dict[date, list[Row]] = {}
    for row, found in rows:
        versions.setdefault(date.fromisoformat(found["valid_from"]), []).append((row, found))
    for valid_from, lines in versions.items():
        bands: list[tuple[Decimal, Decimal, str, int]] = []
        for row, found in lines:
            name = found[meta["name"]]
            for column in (meta["name"], meta["from"], meta["to"]):
                if not found[column]:
                    raise policy_fault(path, row, f"{column} is empty: fill it in.")
            low, high = Decimal(found[meta["from"]]), Decimal(found[meta["to"]])
            if low >= high:
                raise policy_fault(path, row, f"{meta['from']} {low} is not below {meta['to']} {high}. Correct one.")
            if name in {other for _, _, other, _ in bands}:
                raise policy_fault(path, row, f"the band {name!r} stands twice from {valid_from} on.")
            bands.append((low, high, name, row))
        bands.sort()
        for (_, end, name, row), (begin, _, other, other_row) in pairwise(bands):
            if end != begin:
                fault = "overlap" if end > begin else "leave a gap"
                raise policy_fault(
                    path,
                    max(row, other_row),
                    f"{name} (to {end}) and {other} (from {begin}) {fault}. Let one end where the other begins.",
                )
        lowest, highest = Decimal(meta["lowest"]), Decimal(meta["highest"])
        if bands[0][0] > lowest or bands[-1][1] < highest:
            edge = bands[0] if bands[0][0] > lowest else bands[-1]
            raise policy_fault(
                path,
                edge[3],
                f"the bands from {valid_from} on reach from {bands[0][0]} to {bands[-1][1]}: they must cover {lowest} "
                f"to {highest}.",
            )
