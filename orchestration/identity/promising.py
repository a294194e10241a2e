"""Which pairs of a block are worth comparing field by field: of most a glance tells that nothing can come of it.

What belongs here: the most that each field can weigh as far as a glance tells, and dropping the pairs that cannot
reach the threshold even so. What does not: levels (`comparison.py`) and scores (`scoring.py`), which are the same
with and without this step.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import duckdb

from orchestration.database import hash_of
from orchestration.identity.comparison import HOPELESS, levels_query, records_of
from orchestration.identity.match_weights import level_weights, weight_sql
from orchestration.identity.policy import IdentityPolicy

if TYPE_CHECKING:
    from orchestration.identity.scoring import Model

WEIGHED_AT_ONCE = ("name", "spelling", "gender")
"""Compared exactly in the second look: they cost little and settle most pairs."""


def _marks(values: str) -> str:
    """SQL of 64 bits of which each value of a list sets one: lists with no bit in common have no value in common."""
    return f"list_aggregate([1::ubigint << (hash(x) % 64) for x in {values}], 'bit_or')"


# Numbers of a fixed length, which cost a fraction of texts and lists to join to pairs. Two texts of one checksum look
# the same, which only makes the most of a pair more than it is.
_GLANCES = f"""
create or replace temp table glances as
select
    s.record_id,
    s.name_key is not null and s.name_kind <> 'latin' as chinese,
    {hash_of("s.name_key")} as name_key,
    length(s.name_key) as name_length,
    {hash_of("s.pinyin_key")} as pinyin_key,
    {_marks("string_split(s.name_key, '')")} as characters,
    n.name_share,
    n.sound_share,
    n.part_share,
    s.birthday,
    s.phone_mask is not null as phone_masked,
    {_marks("s.phones")} as phones,
    case when len(s.phones) = 1 then hash(s.phones[1]) end as only_phone,
    {hash_of("left(s.phone, length(s.phone) // 2 - 1)")} as phone_front,
    {hash_of("right(s.phone, length(s.phone) // 2 - 1)")} as phone_back,
    {hash_of("s.email")} as email,
    {hash_of("s.email_local")} as email_local,
    {hash_of("s.user_name")} as user_name,
    coalesce(s.city, s.district, s.road, s.address_key) is not null as has_address,
    s.road is not null and s.district is null as outside_districts,
    {hash_of("s.road")} as road,
    {hash_of("s.address_key")} as address_key,
    coalesce({_marks("s.address_words")}, 0) as address_words,
    {hash_of("s.id_card")} as id_card,
    {hash_of("s.unionid")} as unionid
from {{records}} as s
left join name_shares as n using (record_id)
"""

# Names that are one character apart hold at the most one character each that the other does not. NULL where two
# Chinese names differ by more: excluded, whatever else agrees, but for one birthday.
_NAME_CEILING = """
    case
        when not (l.chinese and r.chinese) then {any_name}
        when l.name_key = r.name_key then {same}
        when l.pinyin_key = r.pinyin_key then {same_sound}
        when bit_count(xor(l.characters, r.characters)) > 2 then case when l.birthday = r.birthday then {different} end
        when least(l.name_length, r.name_length) < 3 then greatest({one_character}, {different})
        when l.name_length = r.name_length then greatest({one_of_three}, {one_character}, {different})
        else greatest({close}, {different})
    end
"""

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
            when l.phone_masked or r.phone_masked then {any}
            when l.phones is null or r.phones is null then {unknown}
            when (l.phones & r.phones) <> 0 and coalesce(l.only_phone = r.only_phone, true) then {same}
            -- One slip leaves the first or the last half as it is.
            when l.phone_front = r.phone_front or l.phone_back = r.phone_back then {other}
            else {different}
        end
    """,
    "email": """
        case
            when l.email = r.email then {same}
            -- A mailbox name counts even where its address is too common to be trusted.
            when l.email_local = r.email_local or l.user_name = r.user_name or l.user_name = r.email_local
                or r.user_name = l.email_local then {other}
            when l.email is null or r.email is null then {unknown}
            else {other}
        end
    """,
    "address": """
        case
            when not (l.has_address and r.has_address) then {unknown}
            when l.road = r.road or l.address_key = r.address_key or (l.address_words & r.address_words) <> 0
                or (l.outside_districts and r.outside_districts) then {any}
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
"""Field to SQL of the most it can weigh over the `glances` of both: `unknown` (nothing), `same`, `different`, `other`
(what the best level but `same` weighs), `apart` (the best that is no door or road) or `any` (the best level)."""

# Sums of doubles in another order differ in the last digits; a pair at the threshold is compared.
_ROUNDING = 1e-6


def write_promising(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, model: "Model", least: float
) -> None:
    """Write temporary table `promising_pairs` (`l, r`): the `candidate_pairs` that can still weigh `least` or more.

    What is left out is excluded by its names and titles, or stays below `least` even if every field that was not yet
    compared agreed as well as it can. Of most pairs a glance at checksums tells; of the others names and titles are
    compared as they are.

    Args:
        connection: The working database with `subjects`, `candidate_pairs` and `name_shares`.
        policy: Names the limits of the levels.
        model: Shares of matches and of strangers.
        least: The weight that agreement must add to the odds, in bits.
    """
    least -= _ROUNDING
    records = records_of(connection, "candidate_pairs")
    connection.execute(_GLANCES.format(records=records))
    names = _most_of_names(model)
    others = " + ".join(f"({_most(model, field, sql)})" for field, sql in CEILINGS.items())
    connection.execute(
        f"""
        create or replace temp table hopeful_pairs as
        select l, r, reached, same_birthday
        from (
            select
                p.l, p.r, {names} as most_of_names, {others} as reached,
                coalesce(l.birthday = r.birthday, false) as same_birthday
            from candidate_pairs as p
            inner join glances as l on l.record_id = p.l
            inner join glances as r on r.record_id = p.r
        )
        where most_of_names + reached >= $least
        """,
        {"least": least},
    )
    carried = ("reached", "same_birthday")
    connection.execute(
        f"""
        create or replace temp table promising_pairs as
        select e.l, e.r
        from ({levels_query(policy, "hopeful_pairs", WEIGHED_AT_ONCE, records, carried)}) as e
        left join name_shares as ln on ln.record_id = e.l
        left join name_shares as rn on rn.record_id = e.r
        where
            {HOPELESS.format(same_birthday="e.same_birthday")} is not true
            and {weight_sql(model.m, model.u, WEIGHED_AT_ONCE)} + e.reached >= $least
        """,
        {"least": least},
    )
    for table in ("glances", "hopeful_pairs"):
        connection.execute(f"drop table {table}")


def _most_of_names(model: "Model") -> str:
    """SQL of the most that name, spelling and gender can add to the weight of a pair; NULL where nothing helps it."""
    name, spelling, gender = (level_weights(model.m, model.u, field, ("l", "r")) for field in WEIGHED_AT_ONCE)
    of_level = {"one_character": "0", "one_of_three": "0", "close": "0"} | name
    # Only who gives no name spells one.
    best_name = _NAME_CEILING.format(any_name=f"{_best(name)} + {_best(spelling)}", **of_level)
    return f"({best_name}) + {_best(gender)}"


def _most(model: "Model", field: str, sql: str) -> str:
    """SQL of the most that a field can add to the weight of a pair."""
    weights = level_weights(model.m, model.u, field)
    return sql.format(
        unknown="0",
        same=weights.get("same", "0"),
        different=weights["different"],
        other=_best(weights, but=("same",)),
        apart=_best(weights, but=("same_door", "same_road")),
        any=_best(weights),
    )


def _best(weights: Mapping[str, str], but: Sequence[str] = ()) -> str:
    """SQL of the greatest weight of any level, leaving some out; nothing where all speak against."""
    return f"greatest({', '.join(sql for level, sql in weights.items() if level not in but)}, 0)"
