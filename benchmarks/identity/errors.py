"""Which pairs of members and accounts went wrong, and why: false merges and missed doubles by what speaks in them.

What belongs here: the classes, their counts, examples, and what could be reached at best with what the records say.
What does not: how much went wrong (`measures.py`), running anything (`ours.py`), the page (`error_pages.py`).

A class is the first of `CLASSES` that holds and says what two records agree on besides sex, town and district, which
thousands share. The values in the examples are of generated or synthetic people.
"""

from collections import Counter
from typing import Any

import duckdb

from orchestration.as_of import business_day
from orchestration.identity.calibration import Calibration, log_odds
from orchestration.identity.comparison import CORROBORATED, SHARED_AT_HOME, compare_pairs, evidence_map
from orchestration.identity.kept_pairs import know_nothing
from orchestration.identity.policy import IdentityPolicy, load_policy
from orchestration.identity.records import register_policy
from orchestration.identity.scoring import MATCH_WEIGHT, current_model, model_file, weigh_levels, write_candidates
from orchestration.settings import Settings

_NAME = "name in ('same', 'same_sound', 'spelled', 'close', 'short_form', 'alike', 'one_of_three')"
_PART = "name = 'compatible'"
_NUMBER = (
    "(phone in ('same', 'close', 'masked') or email in ('same', 'same_mailbox_name', 'close', 'alike') "
    "or id_card in ('same', 'close', 'alike') or unionid = 'same')"
)
_BORN = "birthday in ('same', 'close', 'two_parts')"
_PLACE = "address in ('same_door', 'same_road')"
_MORE_THAN_A_NAME = f"({_NUMBER} or {_BORN} or {_PLACE})"
_ANYTHING = f"({_NAME} or {_PART} or {_MORE_THAN_A_NAME})"

CLASSES = {
    "contradiction": ("something, while something else excludes one person", f"excluded and {_ANYTHING}"),
    "name_and_number": ("name, and a phone number, mailbox or card", f"{_NAME} and {_NUMBER}"),
    "name_and_birthday": ("name and day of birth", f"{_NAME} and {_BORN}"),
    "name_and_place": ("name and door or road", f"{_NAME} and {_PLACE}"),
    "name_alone": ("a name and nothing else", _NAME),
    "part_and_more": ("part of a name, and a number, a birthday or a door", f"{_PART} and {_MORE_THAN_A_NAME}"),
    "part_alone": ("part of a name (张总, 张*, Mr. Smith) and nothing else", _PART),
    "number_without_name": ("a number, mailbox or card; other names or none", _NUMBER),
    "born_or_place_without_name": ("a birthday or a door; other names or none", f"{_BORN} or {_PLACE}"),
    "nothing": ("nothing", "true"),
}
"""Class to what its records agree on, in words, and the SQL over their levels that puts a pair into it."""

_BOUNDS = {"something": _ANYTHING, "more_than_a_name": _MORE_THAN_A_NAME}

_PEOPLE = """
create or replace temp table people_of as
select
    r.record_id, t.person_id::varchar as person, x.customer_id,
    r.source in ('pos.members', 'ecommerce.customers') as known
from identity.records as r
inner join identity.customer_xref as x on x.source = r.source and x.record_key = r.record_key
inner join read_parquet($truth) as t on t.source = r.source and t.record_key = r.record_key
where t.person_id is not null and r.record_id in (select record_id from subjects)
"""

_PAIRS = """
create or replace temp table true_pairs as
select l.record_id as l, r.record_id as r, l.known and r.known as counts
from people_of as l inner join people_of as r on l.person = r.person and l.record_id < r.record_id;
create or replace temp table wrong_pairs as
select t.l, t.r, 'missed' as kind
from true_pairs as t
inner join people_of as l on l.record_id = t.l
inner join people_of as r on r.record_id = t.r
where t.counts and l.customer_id is distinct from r.customer_id
union all
select l.record_id, r.record_id, 'false'
from people_of as l
inner join people_of as r on l.customer_id = r.customer_id and l.record_id < r.record_id and l.person <> r.person
where l.known and r.known;
create or replace temp table looked_at as
select l, r from candidate_pairs union select l, r from true_pairs union select l, r from wrong_pairs
"""

# A stranger is as alike when a record of somebody else, met by the blocking rules, weighs no less.
_JUDGED = """
create or replace temp table judged as
with strangers as (
    select record_id, max(match_weight) as weight
    from (
        select unnest([w.l, w.r]) as record_id, w.match_weight
        from weighed as w
        inner join people_of as l on l.record_id = w.l
        inner join people_of as r on r.record_id = w.r
        where l.person <> r.person and not w.excluded
    )
    group by record_id
),
links as (
    select least(l.record_id, r.record_id) as l, greatest(l.record_id, r.record_id) as r, max(k.rule) as rule
    from identity.links as k
    inner join identity.records as l on l.source = k.left_source and l.record_key = k.left_record_key
    inner join identity.records as r on r.source = k.right_source and r.record_key = k.right_record_key
    group by all
)
select
    w.*, p.kind, {classes} as class,
    case
        when p.kind = 'false' then coalesce(k.rule, 'over a third record')
        when w.excluded then 'excluded'
        when c.l is null then 'in no common block'
        when w.match_weight < $threshold then 'weighs too little'
        when w.match_weight < $shared_at_home and {shared_at_home} then 'too little for what a household shares'
        when w.match_weight < $uncorroborated and not {corroborated} then 'too little for a name alone'
        else 'parted from its cluster'
    end as how,
    w.match_weight <= greatest(coalesce(a.weight, -1e9), coalesce(b.weight, -1e9)) as as_alike_as_a_stranger
from wrong_pairs as p
inner join weighed as w using (l, r)
left join candidate_pairs as c using (l, r)
left join links as k using (l, r)
left join strangers as a on a.record_id = p.l
left join strangers as b on b.record_id = p.r
"""

_SHOWN = ("name", "phone", "email", "birthday", "gender", "city", "address_key", "id_card")


def explain_errors(
    connection: duckdb.DuckDBPyConnection, settings: Settings, truth: str, examples: int = 2
) -> dict[str, Any]:
    """Classify what went wrong between members and accounts of a resolved warehouse.

    Returns `true_pairs`; `missed` and `false`, lists with one entry per class (`pairs`, `how` they were lost or joined,
    `as_alike_as_a_stranger`: pairs for which somebody else's record weighs no less, `median_weight` in bits, and
    `examples`); and `at_best`: the recall and F1 of whoever joins, without a fault, all records that share something
    with another record of their person, be it over a third one or a mention.

    Args:
        connection: A warehouse after the identity stage.
        settings: Of that warehouse.
        truth: Parquet file with `source, record_key, person_id`.
        examples: How many pairs of each class to show.
    """
    policy = load_policy(settings.policy_dir, business_day(settings))
    register_policy(connection, policy)
    connection.execute("create or replace temp table subjects as select * from identity.subjects")
    connection.execute(_PEOPLE, {"truth": truth})
    know_nothing(connection)
    write_candidates(connection, policy)
    connection.execute(_PAIRS)
    _weigh(connection, settings, policy)
    cases = " ".join(f"when {sql} then '{name}'" for name, (_, sql) in CLASSES.items())
    connection.execute(
        _JUDGED.format(classes=f"case {cases} end", corroborated=CORROBORATED, shared_at_home=SHARED_AT_HOME),
        {
            "threshold": log_odds(policy.limit("match_probability")),
            "shared_at_home": log_odds(policy.limit("shared_at_home_probability")),
            "uncorroborated": log_odds(policy.limit("uncorroborated_probability")),
        },
    )
    return {
        "true_pairs": _count(connection, "select count(*) from true_pairs where counts"),
        "missed": _classes(connection, "missed", examples),
        "false": _classes(connection, "false", examples),
        "at_best": {name: _at_best(connection, sql) for name, sql in _BOUNDS.items()},
    }


def _weigh(connection: duckdb.DuckDBPyConnection, settings: Settings, policy: IdentityPolicy) -> None:
    """Write temporary table `weighed`: every pair of `looked_at` with its levels and `match_weight` as scoring gave."""
    compare_pairs(connection, policy, "looked_at", "looked_levels")
    ledger, records = settings.warehouse / "identity", _count(connection, "select count(*) from subjects")
    model = current_model(policy, model_file(settings.warehouse))
    calibration = Calibration(policy, ledger / "calibration.json", model.prior(records), records)
    weigh_levels(connection, policy, model, calibration, "looked_levels", "looked_weights")
    odds = calibration.odds(connection)
    connection.execute(
        f"""
        create or replace temp table weighed as
        select e.*, {MATCH_WEIGHT} as match_weight
        from looked_levels as e inner join looked_weights as w using (l, r)
        """,
        {"duplicates": odds.duplicates, "relatives": odds.relatives},
    )


def _classes(connection: duckdb.DuckDBPyConnection, kind: str, examples: int) -> list[dict[str, Any]]:
    rows = connection.execute(
        """
        with counted as (
            select class, how, count(*) as pairs from judged where kind = $kind group by all
        ),
        by_how as (select class, map_from_entries(list((how, pairs) order by pairs desc, how)) as how
            from counted group by class)
        select class, count(*), any_value(b.how), count(*) filter (where as_alike_as_a_stranger),
            round(median(match_weight), 1)
        from judged inner join by_how as b using (class)
        where kind = $kind
        group by class
        order by 2 desc, 1
        """,
        {"kind": kind},
    ).fetchall()
    return [
        {
            "class": name,
            "pairs": pairs,
            "how": how,
            "as_alike_as_a_stranger": alike,
            "median_weight": weight,
            "examples": _examples(connection, kind, name, examples),
        }
        for name, pairs, how, alike, weight in rows
    ]


def _examples(connection: duckdb.DuckDBPyConnection, kind: str, name: str, examples: int) -> list[dict[str, Any]]:
    """Some pairs of a class, spread over it by checksum: what each record says, the levels and the match weight."""
    sides = ", ".join(f"l.{c}::varchar, r.{c}::varchar" for c in _SHOWN)
    rows = connection.execute(
        f"""
        select round(j.match_weight, 1), j.how, {evidence_map("j")}, {sides}
        from judged as j
        inner join identity.records as l on l.record_id = j.l
        inner join identity.records as r on r.record_id = j.r
        where j.kind = ? and j.class = ?
        order by md5(l.record_key || '|' || r.record_key)
        limit ?
        """,
        [kind, name, examples],
    ).fetchall()
    return [
        {
            "match_weight": weight,
            "how": how,
            "evidence": evidence,
            "left": _filled(values[0::2]),
            "right": _filled(values[1::2]),
        }
        for weight, how, evidence, *values in rows
    ]


def _filled(values: list[str | None]) -> dict[str, str]:
    return {column.removesuffix("_key"): value for column, value in zip(_SHOWN, values, strict=True) if value}


def _at_best(connection: duckdb.DuckDBPyConnection, shared: str) -> dict[str, float]:
    """Recall and F1 of clusters that join all pairs of one person for which `shared` holds, and no other."""
    root: dict[int, int] = {}

    def find(record: int) -> int:
        while root.setdefault(record, record) != record:
            root[record] = root[root[record]]
            record = root[record]
        return record

    pairs = connection.execute(
        f"select l, r from true_pairs inner join weighed as w using (l, r) where {shared}"
    ).fetchall()
    for left, right in pairs:
        a, b = sorted((find(left), find(right)))
        root[b] = a
    true = connection.execute("select l, r from true_pairs where counts").fetchall()
    reached = Counter(find(left) == find(right) for left, right in true)
    recall = reached[True] / len(true) if true else 1.0
    return {"recall": round(recall, 4), "f1": round(2 * recall / (1 + recall), 4)}


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
