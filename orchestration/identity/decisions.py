"""What people decided about pairs of records: read, checked, kept, and turned into bonds between records.

What belongs here: the file of decisions (`<warehouse>/identity/decisions.csv`), its faults, decisions that
contradict each other, and the must-links and cannot-links that follow. What does not: how clusters obey them
(`clustering.py`), and which pairs a person should look at.
"""

import csv
import io
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb

from orchestration.errors import UserError
from orchestration.files import read_spreadsheet_text, write_whole

FILE_NAME = "decisions.csv"
RECORD_SOURCES = (
    "pos.members",
    "ecommerce.customers",
    "call_center.cases",
    "call_center.surveys",
    "call_center.outreach",
    "ecommerce.orders",
    "pos.sales",
)
"""Sources whose records have a customer, as `identity.customer_xref` names them."""

Verdict = Literal["same", "different"]
Status = Literal["bound", "revoked", "superseded", "unknown_record", "impossible", "conflict"]

_COLUMNS = (
    "left_source",
    "left_record_key",
    "right_source",
    "right_record_key",
    "decision",
    "decided_by",
    "decided_on",
    "why",
    "revoked_by",
    "revoked_on",
)
_REQUIRED = _COLUMNS[:8]


@dataclass(frozen=True, order=True)
class RecordRef:
    """A source record as the crosswalk names it."""

    source: str
    record_key: str

    def __str__(self) -> str:
        return f"{self.source}:{self.record_key}"


@dataclass(frozen=True)
class Decision:
    """One row of the file: two records are the same person or different people, by whom, when and why."""

    left: RecordRef
    right: RecordRef
    verdict: Verdict
    decided_by: str
    decided_on: date
    why: str
    revoked_by: str | None = None
    revoked_on: date | None = None
    row: int = 0

    @property
    def pair(self) -> frozenset[RecordRef]:
        """Both records, whichever was written first."""
        return frozenset((self.left, self.right))


@dataclass(frozen=True)
class Outcome:
    """What became of a decision: `bound` ones bind the run, the others say in `message` why they do not."""

    decision: Decision
    status: Status
    message: str | None = None


@dataclass(frozen=True)
class Bonds:
    """Bonds between linked records (`record_id` pairs, smaller first) and the outcome of every decision.

    `must` are pairs of one person; `cannot` are pairs of two people, also those that follow from both kinds
    together: who is the same as somebody differs from whom that one differs from.
    """

    must: frozenset[tuple[int, int]]
    cannot: frozenset[tuple[int, int]]
    outcomes: tuple[Outcome, ...]


def decisions_file(warehouse: Path) -> Path:
    """Where the decisions of a warehouse lie."""
    return warehouse / "identity" / FILE_NAME


def read_decisions(path: Path) -> tuple[Decision, ...]:
    """Read the file of decisions; no file is no decision.

    Rows on which nothing is decided (`decision` empty) are a reviewer's open work and are left out.

    Raises:
        UserError: the file lacks a column, or a row holds a value that cannot be used; the message names
            the row, the column and the value.
    """
    _, rows = _rows(path)
    return tuple(
        _decision(f"{path.name} row {number}", number, row)
        for number, row in enumerate(rows, start=2)
        if _value(row, "decision")
    )


def known_by(decisions: Sequence[Decision], day: date | None) -> tuple[Decision, ...]:
    """The decisions as they stood at the end of a day: later ones are not taken yet, later revocations neither."""
    if day is None:
        return tuple(decisions)
    return tuple(
        replace(d, revoked_by=None, revoked_on=None) if d.revoked_on and d.revoked_on > day else d
        for d in decisions
        if d.decided_on <= day
    )


def append_decisions(path: Path, decisions: Sequence[Decision]) -> None:
    """Add decisions at the end of the file, which is written whole or not at all."""
    read_decisions(path)
    columns, rows = _rows(path)
    added = [
        {
            "left_source": d.left.source,
            "left_record_key": d.left.record_key,
            "right_source": d.right.source,
            "right_record_key": d.right.record_key,
            "decision": d.verdict,
            "decided_by": d.decided_by,
            "decided_on": d.decided_on.isoformat(),
            "why": d.why,
        }
        for d in decisions
    ]
    _write(path, columns, [*rows, *added])


def revoke(path: Path, left: RecordRef, right: RecordRef, by: str, on: date) -> int:
    """Mark every decision in force about a pair as revoked; return their number.

    Raises:
        UserError: nothing was decided about this pair, or all of it is revoked already.
    """
    pair = frozenset((left, right))
    hit = {d.row for d in read_decisions(path) if d.pair == pair and d.revoked_on is None}
    if not hit:
        raise UserError(
            f"No decision about {left} and {right} is in force: `c360 review list --decided` shows those that are."
        )
    columns, rows = _rows(path)
    for number, row in enumerate(rows, start=2):
        if number in hit:
            row |= {"revoked_by": by, "revoked_on": on.isoformat()}
    _write(path, columns, rows)
    return len(hit)


def judge(decisions: Sequence[Decision], person_of: Mapping[RecordRef, int | None]) -> Bonds:
    """Find out which decisions bind, and what follows from them.

    `person_of` gives the record that stands for each named one (a case that names a member stands with the
    member), None where the data hold no such record. Of several decisions on one pair the newest counts. A
    `different` always stands; a `same` that would join what is different gives way and is reported, the
    oldest first.
    """
    outcomes: dict[int, Outcome] = {}
    newest: dict[tuple[int, int], int] = {}
    ordered = sorted(range(len(decisions)), key=lambda i: (decisions[i].decided_on, decisions[i].row, i), reverse=True)
    for i in ordered:
        decision = decisions[i]
        left, right = person_of.get(decision.left), person_of.get(decision.right)
        if decision.revoked_on is not None:
            outcomes[i] = Outcome(decision, "revoked", f"revoked by {decision.revoked_by} on {decision.revoked_on}")
        elif left is None or right is None:
            absent = decision.left if left is None else decision.right
            outcomes[i] = Outcome(decision, "unknown_record", f"no delivery holds the record {absent}")
        elif left == right:
            outcomes[i] = _of_one_record(decision)
        elif (pair := (min(left, right), max(left, right))) in newest:
            outcomes[i] = Outcome(decision, "superseded", f"row {decisions[newest[pair]].row} decided it anew")
        else:
            newest[pair] = i
    cannot = {pair: i for pair, i in newest.items() if decisions[i].verdict == "different"}
    for i in cannot.values():
        outcomes[i] = Outcome(decisions[i], "bound")
    groups = _Groups()
    joined: dict[int, dict[int, int]] = defaultdict(dict)
    must = set()
    for (left, right), i in newest.items():
        if decisions[i].verdict != "same":
            continue
        clash = groups.clash(left, right, cannot)
        if clash is not None:
            joined_so_far = {n: dict(edges) for n, edges in joined.items()}
            joined_so_far.setdefault(left, {})[right] = i
            joined_so_far.setdefault(right, {})[left] = i
            rows = sorted({decisions[j].row for j in _path(joined_so_far, *clash)})
            named = ", ".join(str(r) for r in rows)
            outcomes[i] = Outcome(
                decisions[i],
                "conflict",
                f"row {decisions[cannot[clash]].row} says different about records that "
                f"{'rows' if len(rows) > 1 else 'row'} {named} would join; revoke one of them",
            )
            continue
        groups.join(left, right)
        joined[left][right] = i
        joined[right][left] = i
        must.add((left, right))
        outcomes[i] = Outcome(decisions[i], "bound")
    spread = {
        (min(a, b), max(a, b)) for left, right in cannot for a in groups.members(left) for b in groups.members(right)
    }
    return Bonds(frozenset(must), frozenset(spread), tuple(outcomes[i] for i in range(len(decisions))))


def find_people(connection: duckdb.DuckDBPyConnection, records: Collection[RecordRef]) -> dict[RecordRef, int | None]:
    """Give for each source record the `record_id` that stands for its person; None where there is none.

    Reads `identity.records` and `identity.mentions`. A mention that names a member or account stands with it.
    """
    found: dict[RecordRef, int | None] = dict.fromkeys(records)
    if not found:
        return found
    asked = sorted(found)
    rows = connection.execute(
        """
        with asked as (select unnest($sources::varchar[]) as source, unnest($keys::varchar[]) as record_key),
        named as (
            select a.source, a.record_key, r.record_id, r.source as of, r.member_id, r.account_id
            from asked as a
            inner join identity.records as r
                on r.source = a.source and r.record_key = a.record_key
                and r.source in ('pos.members', 'ecommerce.customers')
            union all
            select a.source, a.record_key, r.record_id, r.source, r.member_id, r.account_id
            from asked as a
            inner join identity.mentions as m on m.source = a.source and m.record_key = a.record_key
            inner join identity.records as r on r.source = m.source and r.mention_key = m.mention_key
        )
        select n.source, n.record_key, coalesce(p.record_id, c.record_id, n.record_id)
        from named as n
        left join identity.records as p
            on p.source = 'pos.members' and p.member_id = n.member_id
            and n.of not in ('pos.members', 'ecommerce.customers')
        left join identity.records as c
            on c.source = 'ecommerce.customers' and c.account_id = n.account_id
            and n.of not in ('pos.members', 'ecommerce.customers')
        """,
        {"sources": [r.source for r in asked], "keys": [r.record_key for r in asked]},
    ).fetchall()
    return found | {RecordRef(source, key): record_id for source, key, record_id in rows}


def bind(connection: duckdb.DuckDBPyConnection, decisions: Sequence[Decision]) -> Bonds:
    """Write what the decisions ask of this run, from `identity.records` and `identity.mentions`.

    Writes temporary tables `must_links` and `cannot_links` (`l, r`, the smaller first, one row per pair) and
    `identity.decisions`: one row per decision of the file, with `status` and `message`; it is never
    published, reviewers write freely.
    """
    records = {r for d in decisions for r in (d.left, d.right)}
    bonds = judge(decisions, find_people(connection, records))
    for table, pairs in (("must_links", bonds.must), ("cannot_links", bonds.cannot)):
        connection.execute(f"create or replace temp table {table} (l integer, r integer)")
        if pairs:
            left, right = zip(*sorted(pairs), strict=True)
            connection.execute(f"insert into {table} select unnest(?), unnest(?)", [list(left), list(right)])
    connection.execute(
        """
        create or replace table identity.decisions (
            row_number integer, left_source varchar, left_record_key varchar, right_source varchar,
            right_record_key varchar, decision varchar, decided_by varchar, decided_on date, why varchar,
            revoked_by varchar, revoked_on date, status varchar, message varchar
        )
        """
    )
    if bonds.outcomes:
        connection.executemany(
            "insert into identity.decisions values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(d.row, d.left.source, d.left.record_key, d.right.source, d.right.record_key, d.verdict),
                    *(d.decided_by, d.decided_on, d.why, d.revoked_by, d.revoked_on, o.status, o.message),
                )
                for o in bonds.outcomes
                for d in (o.decision,)
            ],
        )
    return bonds


class _Groups:
    """Records that decisions join, directly or over others."""

    def __init__(self) -> None:
        self._group: dict[int, set[int]] = {}

    def members(self, record: int) -> set[int]:
        return self._group.get(record, {record})

    def join(self, left: int, right: int) -> None:
        both = self.members(left) | self.members(right)
        for record in both:
            self._group[record] = both

    def clash(self, left: int, right: int, cannot: Collection[tuple[int, int]]) -> tuple[int, int] | None:
        """The pair of different people that joining two records would bring together."""
        both = self.members(left) | self.members(right)
        return min((p for p in cannot if p[0] in both and p[1] in both), default=None)


def _path(edges: Mapping[int, Mapping[int, int]], start: int, end: int) -> list[int]:
    """Decisions along the shortest chain from one record to another."""
    came: dict[int, tuple[int, int]] = {}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        for there, decision in edges.get(here, {}).items():
            if there not in came and there != start:
                came[there] = (here, decision)
                queue.append(there)
    chain = []
    while end != start:
        end, decision = came[end]
        chain.append(decision)
    return chain


def _of_one_record(decision: Decision) -> Outcome:
    if decision.verdict == "same":
        return Outcome(decision, "bound")
    return Outcome(
        decision,
        "impossible",
        f"{decision.left} and {decision.right} carry the same member, account or number and name, "
        "so they stand or fall together; correct the id in the source",
    )


def _decision(where: str, number: int, row: Mapping[str, str | None]) -> Decision:
    values = {c: _value(row, c) for c in _COLUMNS}
    verdict = values["decision"].lower()
    if verdict not in ("same", "different"):
        raise UserError(f"{where}: decision `{values['decision']}` must be same or different.")
    for column in ("left_record_key", "right_record_key", "decided_by", "why"):
        if not values[column]:
            raise UserError(f"{where}: {column} is empty; fill it in.")
    for column in ("left_source", "right_source"):
        if values[column] not in RECORD_SOURCES:
            raise UserError(f"{where}: {column} `{values[column]}` is none of {', '.join(RECORD_SOURCES)}.")
    left = RecordRef(values["left_source"], values["left_record_key"])
    right = RecordRef(values["right_source"], values["right_record_key"])
    if left == right:
        raise UserError(f"{where}: left and right are the same record {left}; name two records.")
    revoked_on = _day(where, "revoked_on", values["revoked_on"]) if values["revoked_on"] else None
    if revoked_on is None and values["revoked_by"]:
        raise UserError(f"{where}: revoked_by `{values['revoked_by']}` has no revoked_on; write the day or clear it.")
    return Decision(
        left=left,
        right=right,
        verdict="same" if verdict == "same" else "different",
        decided_by=values["decided_by"],
        decided_on=_day(where, "decided_on", values["decided_on"]),
        why=values["why"],
        revoked_by=values["revoked_by"] or ("unnamed" if revoked_on else None),
        revoked_on=revoked_on,
        row=number,
    )


def _day(where: str, column: str, value: str) -> date:
    """Read a day; spreadsheets turn 2026-06-01 into 2026/6/1."""
    try:
        year, month, day = (int(part) for part in value.replace("/", "-").split("-"))
        return date(year, month, day)
    except ValueError as error:
        raise UserError(f"{where}: {column} `{value}` is not a date; write YYYY-MM-DD.") from error


def _rows(path: Path) -> tuple[list[str], list[dict[str, str | None]]]:
    """Columns and rows of the file as they stand, so that what is not ours survives a change."""
    if not path.exists():
        return list(_COLUMNS), []
    reader = csv.DictReader(io.StringIO(read_spreadsheet_text(path, path.name), newline=""), restkey="_more")
    columns = [c.strip() for c in reader.fieldnames or ()]
    missing = [c for c in _REQUIRED if c not in columns]
    if missing:
        raise UserError(
            f"{path.name} has no column {', '.join(missing)}: its first line must name {', '.join(_COLUMNS)}."
        )
    reader.fieldnames = columns
    rows = list(reader)
    for number, row in enumerate(rows, start=2):
        if "_more" in row:
            raise UserError(f"{path.name} row {number} has more values than columns: quote values that hold a comma.")
    return [*columns, *(c for c in _COLUMNS if c not in columns)], rows


def _value(row: Mapping[str, str | None], column: str) -> str:
    return (row.get(column) or "").strip()


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str | None]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())
