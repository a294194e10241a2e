"""How two person records agree, field by field, and when they cannot be one person.

What belongs here: the levels of agreement between two records, in SQL, used alike by the rules, the
scores, the clusters and the explanations. What does not: how much a level weighs (policy, model).
"""

import duckdb

from orchestration.identity.policy import IdentityPolicy

# Chinese names are compared whole: one different character is another person unless it sounds the same.
# Latin names are compared by similarity, order of the parts and initials.
_NAME_LEVEL = """
case
    when l.name_key is not null and r.name_key is not null then
        case
            when l.name_key = r.name_key then 'same'
            when l.pinyin_key = r.pinyin_key then 'same_sound'
            when (l.name_kind = 'latin' or r.name_kind = 'latin') and l.sound_key = r.sound_key then 'same_sound'
            when l.name_kind = 'latin' and r.name_kind = 'latin' then
                case
                    when l.surname_sound = r.surname_sound
                        and least(length(l.given_sound), length(r.given_sound)) <= 1
                        and left(l.given_sound, 1) = left(r.given_sound, 1) then 'close'
                    when jaro_winkler_similarity(l.surname_sound, r.surname_sound) >= {similar_name_part}
                        and jaro_winkler_similarity(l.given_sound, r.given_sound) >= {similar_name_part} then 'close'
                    when jaro_winkler_similarity(l.surname_sound, r.given_sound) >= {similar_name_part}
                        and jaro_winkler_similarity(l.given_sound, r.surname_sound) >= {similar_name_part} then 'close'
                    when jaro_winkler_similarity(l.surname_sound, r.surname_sound) >= {similar_name}
                        or jaro_winkler_similarity(l.given_sound, r.given_sound) >= {similar_name}
                        then 'part'
                    else 'different'
                end
            -- A Chinese surname with an English given name may be anyone of that surname.
            when l.name_kind = 'latin' then
                case when starts_with(r.pinyin_key, l.surname_sound) then 'compatible' else 'different' end
            when r.name_kind = 'latin' then
                case when starts_with(l.pinyin_key, r.surname_sound) then 'compatible' else 'different' end
            when least(length(l.name_key), length(r.name_key)) >= 3
                and levenshtein(l.name_key, r.name_key) <= 1 then 'close'
            else 'different'
        end
    -- Written in pinyin without a space, as in a user name.
    when l.pinyin_key = r.pinyin_key and (l.name_key is not null or r.name_key is not null) then 'same_sound'
    when l.name_kind = 'masked' and r.name_kind = 'full' then
        case when regexp_matches(r.name_key, l.name_pattern) then 'compatible' else 'different' end
    when r.name_kind = 'masked' and l.name_kind = 'full' then
        case when regexp_matches(l.name_key, r.name_pattern) then 'compatible' else 'different' end
    when coalesce(l.surname, l.given_name) is null or coalesce(r.surname, r.given_name) is null then 'unknown'
    when l.name_kind = 'latin' and r.name_kind = 'latin' then
        case
            when l.surname_sound = r.surname_sound or l.given_sound = r.given_sound
                or l.surname_sound = r.given_sound or l.given_sound = r.surname_sound then 'compatible'
            else 'different'
        end
    when l.name_kind = 'latin' or r.name_kind = 'latin' then 'unknown'
    when l.surname <> r.surname then 'different'
    when l.given_name is null or r.given_name is null then 'compatible'
    when contains(l.given_name, r.given_name) or contains(r.given_name, l.given_name) then 'compatible'
    else 'different'
end
"""

_BIRTHDAY_LEVEL = """
case
    when l.birthday is null or r.birthday is null then 'unknown'
    when l.birthday = r.birthday then 'same'
    when damerau_levenshtein(strftime(l.birthday, '%Y%m%d'), strftime(r.birthday, '%Y%m%d')) <= 1 then 'close'
    when year(l.birthday) = year(r.birthday) and month(l.birthday) = day(r.birthday)
        and day(l.birthday) = month(r.birthday) then 'close'
    when year(l.birthday) = year(r.birthday) then 'same_year'
    else 'different'
end
"""

_GENDER_LEVEL = """
case
    when l.title_gender <> r.title_gender then 'title_conflict'
    when coalesce(l.title_gender, l.gender) is null or coalesce(r.title_gender, r.gender) is null then 'unknown'
    when coalesce(l.title_gender, l.gender) = coalesce(r.title_gender, r.gender) then 'same'
    when l.title_gender is not null or r.title_gender is not null then 'title_against_record'
    else 'different'
end
"""

_EMAIL_LEVEL = """
case
    when l.email is null or r.email is null then 'unknown'
    when l.email = r.email then 'same'
    when l.email_local = r.email_local then 'same_mailbox_name'
    -- Other digits are other people: zhangwei81 and zhangwei82.
    when jaro_winkler_similarity(l.email_local, r.email_local) >= {similar_mailbox}
        and damerau_levenshtein(l.email_local, r.email_local) <= 1
        and regexp_replace(l.email_local, '[^0-9]', '', 'g') = regexp_replace(r.email_local, '[^0-9]', '', 'g')
        then 'close'
    else 'different'
end
"""

_PHONE_LEVEL = """
case
    when l.phones is null or r.phones is null then 'unknown'
    when list_has_any(l.phones, r.phones) then 'same'
    when length(l.phone) = length(r.phone) and damerau_levenshtein(l.phone, r.phone) <= 1 then 'close'
    else 'different'
end
"""

_ADDRESS_LEVEL = """
case
    when l.city <> r.city then 'different'
    when l.road is not null and l.road = r.road then
        case
            when coalesce(l.road_number <> r.road_number, false) or coalesce(l.building <> r.building, false)
                or coalesce(l.room <> r.room, false) then 'same_district'
            when (l.road_number = r.road_number)::integer + coalesce((l.building = r.building)::integer, 0)
                + coalesce((l.room = r.room)::integer, 0) >= 2 then 'same_door'
            when l.room = r.room and l.building = r.building then 'same_door'
            when l.road_number = r.road_number then 'same_road'
            else 'same_district'
        end
    when l.address_key is not null and l.address_key = r.address_key then 'same_road'
    when l.district is not null and l.district = r.district then 'same_district'
    when l.city is null or r.city is null then 'unknown'
    else 'same_city'
end
"""

_LEVELS = {
    "name": _NAME_LEVEL,
    "birthday": _BIRTHDAY_LEVEL,
    "gender": _GENDER_LEVEL,
    "phone": _PHONE_LEVEL,
    "email": _EMAIL_LEVEL,
    "address": _ADDRESS_LEVEL,
    "id_card": "case when l.id_card is null or r.id_card is null then 'unknown' "
    "when l.id_card = r.id_card then 'same' else 'different' end",
    "unionid": "case when l.unionid is null or r.unionid is null then 'unknown' "
    "when l.unionid = r.unionid then 'same' else 'different' end",
}

FIELDS = tuple(_LEVELS)
"""The compared fields, in the order of evidence."""

AGREEING = ("same", "same_sound", "same_door", "close", "compatible", "same_mailbox_name", "same_road")
"""Levels that speak for one person."""

DISAGREEING = ("different", "title_conflict", "title_against_record", "same_year")
"""Levels that speak for two people."""

CONTRADICTED = """
(
    id_card = 'different'
    or gender = 'title_conflict'
    or (gender = 'title_against_record' and name not in ('same', 'same_sound'))
    or (birthday in ('different', 'same_year') and id_card <> 'same')
    or (name = 'part' and birthday not in ('same', 'close'))
    or (name = 'different' and not (both_latin and birthday = 'same' and (email = 'same' or unionid = 'same')))
)
"""
"""SQL over the levels: these two records are two people, whatever else agrees."""


def field_levels(policy: IdentityPolicy) -> dict[str, str]:
    """Field to the SQL that gives its level of agreement between rows `l` and `r` of `subjects`."""
    limits = {name: policy.limit(name) for name in ("similar_name", "similar_name_part", "similar_mailbox")}
    return {field: sql.format(**limits) for field, sql in _LEVELS.items()}


def compare_pairs(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, pairs: str, into: str) -> None:
    """Write temporary table `into`: the pairs `(l, r)` of record ids with one level per field.

    Columns: `l, r`, one level for each one of `FIELDS`, `both_latin`, `both_chinese` and `contradicted`.
    Grain: one row per row of `pairs`, whose table must hold distinct pairs.
    """
    levels = ",\n".join(f"{sql} as {field}" for field, sql in field_levels(policy).items())
    connection.execute(
        f"""
        create or replace temp table {into} as
        select *, {CONTRADICTED} as contradicted
        from (
            select
                p.l, p.r, {levels},
                l.name_kind = 'latin' and r.name_kind = 'latin' as both_latin,
                l.name_kind <> 'latin' and r.name_kind <> 'latin' as both_chinese
            from {pairs} as p
            inner join subjects as l on l.record_id = p.l
            inner join subjects as r on r.record_id = p.r
        )
        """
    )


def evidence_map(alias: str) -> str:
    """SQL map from field to level for the fields that both records fill in."""
    fields = ", ".join(f"'{f}'" for f in FIELDS)
    values = ", ".join(f"{alias}.{f}" for f in FIELDS)
    return (
        "map_from_entries(list_filter(list_transform(list_zip("
        f"[{fields}], [{values}]), lambda x: {{'k': x[1], 'v': x[2]}}), lambda x: x.v <> 'unknown'))"
    )
