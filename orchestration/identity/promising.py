"""Which pairs of a block are worth comparing field by field: of most the names alone say that nothing can come of it.

What belongs here: the most that each field could still add to the weight of a pair, seen without comparing it in full,
and dropping the pairs that cannot reach the threshold even so. What does not: levels (`comparison.py`) and scores
(`scoring.py`), which are the same with and without this step.
"""

from math import log2
from typing import TYPE_CHECKING

import duckdb

from orchestration.identity.comparison import HOPELESS, levels_query, records_of
from orchestration.identity.policy import IdentityPolicy

if TYPE_CHECKING:
    from orchestration.identity.scoring import Model

WEIGHED_AT_ONCE = ("name", "spelling", "gender")
"""Compared exactly: they cost little and settle most pairs."""

CEILINGS = {
    "birthday": """
        case
            when l.birthday is null or r.birthday is null then {unknown}
            when l.birthday = r.birthday then {same}
            else {other}
        end
    """,
    "phone": """
        case
            when l.phone_mask is not null or r.phone_mask is not null then {any}
            when l.phones is null or r.phones is null then {unknown}
            when list_has_any(l.phones, r.phones) then {same}
            -- One slip leaves the first or the last half as it is.
            when left(l.phone, length(l.phone) // 2 - 1) = left(r.phone, length(r.phone) // 2 - 1)
                or right(l.phone, length(l.phone) // 2 - 1) = right(r.phone, length(r.phone) // 2 - 1) then {other}
            else {different}
        end
    """,
    "email": """
        case
            when l.email = r.email then {same}
            when l.user_name = r.user_name or l.user_name = r.email_local or r.user_name = l.email_local then {other}
            when l.email is null or r.email is null then {unknown}
            else {other}
        end
    """,
    "address": """
        case
            when coalesce(l.city, l.district, l.road, l.address_key) is null
                or coalesce(r.city, r.district, r.road, r.address_key) is null then {unknown}
            when l.road = r.road or l.address_key = r.address_key or list_has_any(l.address_words, r.address_words)
                or (l.district is null and r.district is null and l.road is not null and r.road is not null) then {any}
            else {apart}
        end
    """,
    "id_card": """
        case
            when l.id_card is null or r.id_card is null then {unknown}
            when l.id_card = r.id_card then {same}
            else {other}
        end
    """,
    "unionid": """
        case
            when l.unionid is null or r.unionid is null then {unknown}
            when l.unionid = r.unionid then {same}
            else {different}
        end
    """,
}
"""Field to SQL of the most it can weigh as far as a glance tells: `unknown` (nothing), `same`, `different`, `other`
(what the best level but `same` weighs), `apart` (the best that is no door or road) or `any` (the best level)."""

# Sums of doubles in another order differ in the last digits; a pair at the threshold is compared.
_ROUNDING = 1e-6


def write_promising(
    connection: duckdb.DuckDBPyConnection,
    policy: IdentityPolicy,
    model: "Model",
    weight: str,
    least: float,
) -> None:
    """Write temporary table `promising_pairs` (`l, r`): the `candidate_pairs` that can still weigh `least` or more.

    What is left out is excluded by its names and titles, or stays below `least` even if every field that was not yet
    compared agreed as well as it can.

    Args:
        connection: The working database with `subjects`, `candidate_pairs` and `name_shares`.
        policy: Names the limits of the levels.
        model: Shares of matches and of strangers.
        weight: SQL of the weight of `WEIGHED_AT_ONCE` over the levels `e` and the name shares `ln` and `rn`.
        least: The weight that agreement must add to the odds, in bits.
    """
    reached = " + ".join(f"({_most(model, field, sql)})" for field, sql in CEILINGS.items())
    records = records_of(connection, "candidate_pairs")
    connection.execute(
        f"""
        create or replace temp table promising_pairs as
        select e.l, e.r
        from ({levels_query(policy, "candidate_pairs", WEIGHED_AT_ONCE, records)}) as e
        inner join {records} as l on l.record_id = e.l
        inner join {records} as r on r.record_id = e.r
        left join name_shares as ln on ln.record_id = e.l
        left join name_shares as rn on rn.record_id = e.r
        where
            {HOPELESS.format(same_birthday="coalesce(l.birthday = r.birthday, false)")} is not true
            and {weight} + {reached} >= $least
        """,
        {"least": least - _ROUNDING},
    )


def _most(model: "Model", field: str, sql: str) -> str:
    """SQL of the most that a field can add to the weight of a pair."""
    weights = {level: log2(share / model.u[field][level]) for level, share in model.m[field].items()}
    best = {
        "unknown": 0.0,
        "same": weights.get("same", 0.0),
        "different": weights["different"],
        "other": max(0.0, *(weight for level, weight in weights.items() if level != "same")),
        "apart": max(0.0, *(weight for level, weight in weights.items() if level not in ("same_door", "same_road"))),
        "any": max(0.0, *weights.values()),
    }
    return sql.format(**{name: f"{weight!r}::double" for name, weight in best.items()})
