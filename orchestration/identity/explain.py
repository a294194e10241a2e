"""Why records are one customer, or are not: in words, field by field, with match weights; and how to part them.

What belongs here: reading what the last run decided and the evidence for it. What does not: deciding anything
(`clustering.py`, `decisions.py`). Explanations name fields and levels and never a value, so they hold no personal data.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import date
from math import log2
from typing import Any, Literal

import duckdb

from orchestration.as_of import business_day
from orchestration.database import table_exists
from orchestration.errors import UserError
from orchestration.identity.comparison import AGREEING, DISAGREEING, FIELDS, compare_pairs
from orchestration.identity.decisions import (
    RECORD_SOURCES,
    Decision,
    RecordRef,
    append_decisions,
    decisions_file,
    find_people,
    judge,
    read_decisions,
)
from orchestration.identity.lookup import current_id
from orchestration.identity.policy import IdentityPolicy, load_policy
from orchestration.identity.scoring import current_model, model_file
from orchestration.settings import Settings

Outcome = Literal["SAME", "REVIEW", "DIFFERENT", "UNLINKED"]

LEVEL_WORDS = {
    "same": "agrees",
    "same_sound": "sounds the same",
    "spelled": "is spelled by a user name or mailbox",
    "close": "is one slip away",
    "compatible": "agrees as far as it is written",
    "part": "agrees in part",
    "different": "differs",
    "title_conflict": "differs by title (先生 against 女士)",
    "title_against_record": "differs between a title and a record",
    "same_mailbox_name": "agrees up to the provider",
    "same_door": "is the same door",
    "same_road": "is the same road or house",
    "same_district": "is the same district only",
    "same_city": "is the same town only",
    "elsewhere_in_city": "is elsewhere in the same town",
    "same_year": "agrees in the year only",
    "unknown": "is missing on one side",
}


@dataclass(frozen=True)
class FieldEvidence:
    """How one field agrees, and how many bits it speaks for (above 0) or against one person; None: not weighed."""

    field: str
    level: str
    weight: float | None
    words: str


@dataclass(frozen=True)
class Link:
    """One link of `identity.links`: two records, the rule, its probability, and what it rests on, also in words.

    `evidence` is field to level of agreement, or the id that names the other record to `same`.
    """

    left: RecordRef
    right: RecordRef
    rule: str
    probability: float
    evidence: dict[str, str]
    words: str


@dataclass(frozen=True)
class PairExplanation:
    """Why two records are one customer or not.

    `outcome` is `SAME`, `REVIEW` (a person should decide), `DIFFERENT` or `UNLINKED`; `fields` the evidence between
    the two records (for two customers, between their most alike records); `base` what the score adds for how rare
    the name is and how likely any two records are one person, None where the pair was not scored; `weight` the sum;
    `path` the links that lead from one to the other; `reasons` the rest in words.
    """

    left: RecordRef
    right: RecordRef
    customers: tuple[str | None, str | None]
    outcome: Outcome
    fields: tuple[FieldEvidence, ...]
    base: float | None
    weight: float | None
    path: tuple[Link, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class CustomerExplanation:
    """Why a customer is one: its records with rule, confidence and day, its links, and what happened to its id."""

    customer_id: str
    records: tuple[tuple[RecordRef, str, float, date], ...]
    links: tuple[Link, ...]
    history: tuple[str, ...]


def record_named(connection: duckdb.DuckDBPyConnection, text: str) -> RecordRef:
    """Find the source record that `source:key`, or a key alone, names.

    Raises:
        UserError: no record has this key, or several sources have it.
    """
    source, colon, key = text.partition(":")
    if colon and source in RECORD_SOURCES:
        rows = connection.execute(
            "select source, record_key from identity.customer_xref where source = ? and record_key = ?", [source, key]
        ).fetchall()
    else:
        rows = connection.execute(
            "select source, record_key from identity.customer_xref where record_key = ? order by source", [text]
        ).fetchall()
    if not rows:
        raise UserError(f"No record is named `{text}`: write source:key, such as pos.members:M1, or a customer id.")
    if len(rows) > 1:
        named = ", ".join(str(RecordRef(*row)) for row in rows)
        raise UserError(f"Several records have the key `{text}`: write one of {named}.")
    return RecordRef(*rows[0])


def explain_pair(connection: duckdb.DuckDBPyConnection, settings: Settings, left: str, right: str) -> PairExplanation:
    """Explain two records (`source:key` or key), two customers (id, also an old one), or one of each.

    Raises:
        UserError: one of them is not there.
    """
    policy = load_policy(settings.policy_dir, business_day(settings))
    sides = [_people(connection, text) for text in (left, right)]
    best = _most_alike(connection, policy, settings, sides)
    refs = [side.record or _ref(connection, best.records[i]) for i, side in enumerate(sides)]
    customers = (sides[0].customer, sides[1].customer)
    path = _path(connection, refs[0], refs[1]) if customers[0] and customers[0] == customers[1] else ()
    scored = _scored_weight(connection, best.records)
    weighed = sum(f.weight for f in best.fields if f.weight is not None)
    reasons, queued = _reasons(connection, settings, refs, best.records, best.contradicted, customers)
    outcome: Outcome = "DIFFERENT"
    if customers[0] and customers[0] == customers[1]:
        outcome = "SAME"
    elif queued:
        outcome = "REVIEW"
    elif None in customers:
        outcome = "UNLINKED"
    return PairExplanation(
        left=refs[0],
        right=refs[1],
        customers=customers,
        outcome=outcome,
        fields=best.fields,
        base=None if scored is None else round(scored - weighed, 2),
        weight=round(weighed if scored is None else scored, 2),
        path=path,
        reasons=tuple(reasons),
    )


def explain_customer(connection: duckdb.DuckDBPyConnection, text: str) -> CustomerExplanation:
    """Explain a customer, named by its id, an old id, or one of its records.

    Raises:
        UserError: there is no such customer, or the record belongs to none.
    """
    side = _people(connection, text)
    if side.customer is None:
        raise UserError(
            f"{side.record or text} belongs to no customer: nothing links it, and it says too little alone."
        )
    return explain_customer_id(connection, side.customer)


def explain_customer_id(connection: duckdb.DuckDBPyConnection, customer_id: str) -> CustomerExplanation:
    """Explain a customer of today by its id; a published file is enough to read from."""
    records = connection.execute(
        "select source, record_key, matched_by, confidence, since from identity.customer_xref where customer_id = ? "
        "order by since, source, record_key",
        [customer_id],
    ).fetchall()
    history = connection.execute(
        "select changed_on, change, old_customer_id, new_customer_id, reason from identity.id_history "
        "where ? in (old_customer_id, new_customer_id) order by change_number",
        [customer_id],
    ).fetchall()
    return CustomerExplanation(
        customer_id=customer_id,
        records=tuple((RecordRef(r[0], r[1]), r[2], r[3], r[4]) for r in records),
        links=tuple(_links(connection, customer_id)),
        history=tuple(f"{on}: {change} {old} → {new}: {reason}" for on, change, old, new, reason in history),
    )


def unmerge(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    customer: str,
    records: list[str],
    by: str,
    on: date,
    why: str,
) -> int:
    """Part records from the rest of their customer by decisions; the next run obeys. Returns the decisions written.

    `customer` is a customer id and `records` what to part from it; or `customer` is an id that was merged away and
    `records` is empty, then the records it had are parted from the customer it became.

    Raises:
        UserError: there is no such customer, a record is not one of it, nothing would be left, or the source itself
            says that the records belong together.
    """
    now = current_id(connection, customer)
    if now is None:
        raise UserError(f"Nothing is left of customer {customer}: there is nothing to part.")
    everyone = {
        RecordRef(*row)
        for row in connection.execute(
            "select source, record_key from identity.customer_xref where customer_id = ?", [now]
        ).fetchall()
    }
    parted = {record_named(connection, text) for text in records} if records else _moved_with(connection, customer, now)
    strangers = sorted(parted - everyone)
    if strangers:
        raise UserError(f"{strangers[0]} is no record of customer {now}: `c360 explain {now}` lists its records.")
    person_of = find_people(connection, everyone)
    gone = {p for r in parted if (p := person_of[r]) is not None}
    kept = {p for r in everyone - parted if (p := person_of[r]) is not None}
    if gone & kept:
        stuck = next(r for r in sorted(parted) if person_of[r] in kept)
        raise UserError(
            f"{stuck} carries the member or account of records that would stay: name those too, or correct the source."
        )
    if not gone or not kept:
        raise UserError(f"All records of customer {now} would go: name some of them, not all.")
    name_of = {person: record for record, person in sorted(person_of.items(), reverse=True) if person is not None}
    decisions = [Decision(name_of[a], name_of[b], "different", by, on, why) for a in sorted(kept) for b in sorted(gone)]
    append_decisions(decisions_file(settings.warehouse), decisions)
    return len(decisions)


def decide(connection: duckdb.DuckDBPyConnection, settings: Settings, decision: Decision) -> None:
    """Check a decision against the records and the decisions there are, and write it down for every later run.

    Raises:
        UserError: a record is unknown, or the decision contradicts what a source or other decisions say.
    """
    file = decisions_file(settings.warehouse)
    known = read_decisions(file)
    records = {r for d in (*known, decision) for r in (d.left, d.right)}
    row = max((d.row for d in known), default=1) + 1
    asked = Decision(**{**decision.__dict__, "row": row})
    people = find_people(connection, records)
    before = {o.decision.row: o.status for o in judge(known, people).outcomes}
    for outcome in judge((*known, asked), people).outcomes:
        is_new = outcome.decision.row == row
        if (is_new and outcome.status != "bound") or (outcome.status == "conflict" != before.get(outcome.decision.row)):
            raise UserError(f"This decision cannot bind: {outcome.message}.")
    append_decisions(file, [decision])


@dataclass(frozen=True)
class _Side:
    record: RecordRef | None
    customer: str | None
    people: tuple[int, ...]


@dataclass(frozen=True)
class _Alike:
    records: tuple[int, int]
    fields: tuple[FieldEvidence, ...]
    contradicted: bool


def _people(connection: duckdb.DuckDBPyConnection, text: str) -> _Side:
    """Find the compared records behind a customer id, an old id or a record."""
    if not table_exists(connection, "identity", "subjects"):
        raise UserError("Nothing was resolved yet: run `c360 refresh` first.")
    try:
        customer = current_id(connection, text)
    except UserError:
        record = record_named(connection, text)
        person = find_people(connection, [record])[record]
        if person is None:
            raise UserError(f"{record} names nobody: it carries no id and no usable number.") from None
        row = connection.execute(
            "select customer_id from identity.customer_xref where source = ? and record_key = ?",
            [record.source, record.record_key],
        ).fetchone()
        return _Side(record, row[0] if row else None, (person,))
    rows = connection.execute(
        "select r.record_id from identity.records as r inner join identity.subjects as s using (record_id) "
        "inner join identity.customer_xref as x on x.source = r.source and x.record_key = r.record_key "
        "where x.customer_id = ? order by 1",
        [customer],
    ).fetchall()
    return _Side(None, customer, tuple(r[0] for r in rows))


def _most_alike(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, settings: Settings, sides: list[_Side]
) -> _Alike:
    """Compare all records of both sides and return the pair that speaks loudest for one person."""
    pairs = sorted({(min(a, b), max(a, b)) for a in sides[0].people for b in sides[1].people if a != b})
    if not pairs:
        raise UserError("Both name the same record: a case that names a member stands with the member.")
    connection.execute("create or replace temp table explained_pairs (l integer, r integer)")
    left, right = zip(*pairs, strict=True)
    connection.execute("insert into explained_pairs select unnest(?), unnest(?)", [list(left), list(right)])
    connection.execute(
        "create or replace temp table subjects as select * from identity.subjects "
        "where record_id in (select unnest([l, r]) from explained_pairs)"
    )
    compare_pairs(connection, policy, "explained_pairs", "explained_levels")
    shares = _shares(policy, settings)
    found = []
    for row in connection.execute(f"select l, r, contradicted, {', '.join(FIELDS)} from explained_levels").fetchall():
        fields = tuple(_evidence(f, level, shares) for f, level in zip(FIELDS, row[3:], strict=True))
        total = sum(f.weight or 0.0 for f in fields)
        found.append((total, row[0], row[1], _Alike((row[0], row[1]), fields, bool(row[2]))))
    _, first, _, best = max(found, key=lambda f: (f[0], -f[1], -f[2]))
    if first not in sides[0].people:
        best = _Alike((best.records[1], best.records[0]), best.fields, best.contradicted)
    return best


def _shares(policy: IdentityPolicy, settings: Settings) -> dict[tuple[str, str], float]:
    """Match weight of each level of the model in force: log2 of its share of matches over that of non-matches."""
    model = current_model(policy, model_file(settings.warehouse))
    return {(f, level): log2(m / model.u[f][level]) for f, levels in model.m.items() for level, m in levels.items()}


def _evidence(field: str, level: str, weights: dict[tuple[str, str], float]) -> FieldEvidence:
    weight = weights.get((field, level))
    if level == "unknown":
        return FieldEvidence(field, level, None, f"{field} {LEVEL_WORDS[level]}: says nothing")
    speaks = "speaks for one person" if level in AGREEING else "speaks for two people" if level in DISAGREEING else ""
    if weight is not None:
        speaks = f"speaks {'for one person' if weight > 0 else 'for two people'}, {weight:+.1f}"
    written = LEVEL_WORDS.get(level, f"is {level.replace('_', ' ')}")
    return FieldEvidence(
        field,
        level,
        None if weight is None else round(weight, 2),
        f"{field.replace('_', ' ')} {written}: {speaks or 'says little'}",
    )


def _scored_weight(connection: duckdb.DuckDBPyConnection, records: tuple[int, int]) -> float | None:
    """The match weight the last run gave a pair; None where the pair was not scored."""
    row = connection.execute(
        """
        with pair as (
            select a.source as ls, a.record_key as lk, b.source as rs, b.record_key as rk
            from identity.records as a, identity.records as b where a.record_id = ? and b.record_id = ?
        )
        select k.match_weight from identity.links as k, pair
        where
            (k.left_source, k.left_record_key, k.right_source, k.right_record_key) = (ls, lk, rs, rk)
            and k.rule = 'probabilistic'
        union all
        select q.match_weight from identity.review_queue as q, pair
        where (q.left_source, q.left_record_key, q.right_source, q.right_record_key) = (ls, lk, rs, rk)
        """,
        [min(records), max(records)],
    ).fetchone()
    return None if row is None else row[0]


def _reasons(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    refs: list[RecordRef],
    records: tuple[int, int],
    contradicted: bool,
    customers: tuple[str | None, str | None],
) -> tuple[list[str], bool]:
    """What else speaks: decisions, contradiction, the review queue. Also whether the pair waits for review."""
    reasons = []
    decisions = read_decisions(decisions_file(settings.warehouse))
    people = find_people(connection, {r for d in decisions for r in (d.left, d.right)})
    for outcome in judge(decisions, people).outcomes:
        d = outcome.decision
        if outcome.status == "bound" and {people[d.left], people[d.right]} == set(records):
            reasons.append(f"decided {d.verdict} by {d.decided_by} on {d.decided_on}: {d.why}")
    if contradicted:
        reasons.append("the records contradict each other: no score joins them directly")
    row = connection.execute(
        """
        select q.reason
        from identity.review_queue as q
        inner join identity.records as l on l.source = q.left_source and l.record_key = q.left_record_key
        inner join identity.records as r on r.source = q.right_source and r.record_key = q.right_record_key
        where l.record_id in (?, ?) and r.record_id in (?, ?)
        """,
        [*records, *records],
    ).fetchone()
    if row is not None:
        reasons.append(f"the pair waits for review: {row[0].replace('_', ' ')}")
    for ref, customer in zip(refs, customers, strict=True):
        if customer is None:
            reasons.append(f"{ref} belongs to no customer")
    return reasons, row is not None


def _ref(connection: duckdb.DuckDBPyConnection, record_id: int) -> RecordRef:
    row = connection.execute(
        "select source, record_key from identity.records where record_id = ?", [record_id]
    ).fetchone()
    if row is None:
        raise UserError("The records changed while they were read: run the command again.")
    return RecordRef(*row)


def _links(connection: duckdb.DuckDBPyConnection, customer_id: str) -> list[Link]:
    rows = connection.execute(
        """
        select
            k.left_source, k.left_record_key, k.right_source, k.right_record_key, k.rule, k.match_probability,
            k.evidence
        from identity.links as k
        inner join identity.customer_xref as x on x.source = k.left_source and x.record_key = k.left_record_key
        where x.customer_id = ?
        order by k.match_probability desc, 1, 2, 3, 4, 5
        """,
        [customer_id],
    ).fetchall()
    return [Link(RecordRef(r[0], r[1]), RecordRef(r[2], r[3]), r[4], r[5], r[6], _in_words(r[4], r[6])) for r in rows]


def _in_words(rule: str, evidence: dict[str, Any]) -> str:
    """What a link rests on: `name agrees, phone agrees, birthday differs`."""
    said = {
        "member_id": "it names the member",
        "account_id": "it names the account",
        "case_id": "it answers the case",
        "decided_same": "a reviewer decided so",
        "names_both": "a case names both",
    }.get(rule)
    fields = [
        f"{f.replace('_', ' ')} {LEVEL_WORDS.get(v, v.replace('_', ' '))}" for f, v in evidence.items() if f in FIELDS
    ]
    return ", ".join([said, *fields] if said else fields)


def _path(connection: duckdb.DuckDBPyConnection, start: RecordRef, end: RecordRef) -> tuple[Link, ...]:
    """The shortest chain of links from one record to another of the same customer."""
    ends = [_listed(connection, ref) for ref in (start, end)]
    row = connection.execute(
        "select customer_id from identity.customer_xref where source = ? and record_key = ?",
        [start.source, start.record_key],
    ).fetchone()
    neighbours: dict[RecordRef, list[tuple[RecordRef, Link]]] = defaultdict(list)
    for link in _links(connection, row[0] if row else ""):
        neighbours[link.left].append((link.right, link))
        neighbours[link.right].append((link.left, link))
    came: dict[RecordRef, tuple[RecordRef, Link]] = {}
    queue = deque([ends[0]])
    while queue and ends[1] not in came:
        here = queue.popleft()
        for there, link in neighbours[here]:
            if there not in came and there != ends[0]:
                came[there] = (here, link)
                queue.append(there)
    chain: list[Link] = []
    here = ends[1]
    while here in came:
        here, link = came[here]
        chain.append(link)
    return tuple(reversed(chain))


def _listed(connection: duckdb.DuckDBPyConnection, ref: RecordRef) -> RecordRef:
    """The record that stands for a mention in `identity.links`: the oldest with the same number and name."""
    row = connection.execute(
        "select r.source, r.record_key from identity.mentions as m "
        "inner join identity.records as r on r.source = m.source and r.mention_key = m.mention_key "
        "where m.source = ? and m.record_key = ?",
        [ref.source, ref.record_key],
    ).fetchone()
    return RecordRef(*row) if row else ref


def _moved_with(connection: duckdb.DuckDBPyConnection, old_id: str, now: str) -> set[RecordRef]:
    """Records that came to a customer when an id was merged into it, the last time it was."""
    rows = connection.execute(
        """
        select m.source, m.record_key
        from identity.id_moves as m
        where m.change_number = (
            select max(change_number) from identity.id_history
            where upper(old_customer_id) = upper($old) and change = 'merge'
        )
        """,
        {"old": old_id.strip()},
    ).fetchall()
    if not rows:
        raise UserError(f"{old_id} was never merged into another: name the records to part from customer {now}.")
    still = connection.execute(
        "select source, record_key from identity.customer_xref where customer_id = ?", [now]
    ).fetchall()
    return {RecordRef(*row) for row in rows} & {RecordRef(*row) for row in still}
