"""How two person records agree, field by field, and when they cannot be one person.

What belongs here: the levels of agreement between two records, in SQL, used alike by the rules, the
scores, the clusters and the explanations. What does not: how much a level weighs (policy, model).
"""

from collections.abc import Sequence

import duckdb

from orchestration.identity.policy import IdentityPolicy

# Chinese names are compared whole: one different character is another person unless it sounds the same.
# Latin names are compared part by part, in either order, by similarity, short form and initial.
_NAME_LEVEL = """
case
    -- Who gives no full name spells it in a user name or a mailbox: 王女士, wangxue1331.
    when {spelled} then 'spelled'
    when l.name_kind = 'latin' and r.name_kind = 'latin' then
        case
            when l.name_key = r.name_key then 'same'
            when l.sound_key = r.sound_key then 'same_sound'
            when l.given_sound is null or r.given_sound is null then
                case
                    when coalesce(l.surname_sound, l.given_sound) is null
                        or coalesce(r.surname_sound, r.given_sound) is null then 'unknown'
                    when jaro_winkler_similarity(
                        coalesce(l.surname_sound, l.given_sound), coalesce(r.surname_sound, r.given_sound)
                    ) >= {similar_name} then 'compatible'
                    else 'different'
                end
            when l.surname_sound is null or r.surname_sound is null then
                -- One word is as often a surname as a given name.
                case
                    when greatest(
                        coalesce(p.given_names, 0),
                        coalesce(p.surname_given, 0),
                        coalesce(p.given_surname, 0)
                    ) >= {similar_name_part} then 'compatible'
                    when list_has_any(l.given_roots, r.given_roots) then 'compatible'
                    else 'different'
                end
            when p.surnames >= {similar_name_part} then
                case
                    when p.given_names >= {similar_name_part} then 'close'
                    when list_has_any(l.given_roots, r.given_roots) then 'short_form'
                    when least(length(l.given_sound), length(r.given_sound)) <= 1
                        and left(l.given_sound, 1) = left(r.given_sound, 1) then 'short_form'
                    when p.given_names >= {alike_name_part} then 'alike'
                    else 'same_surname'
                end
            when p.surname_given >= {similar_name_part}
                and p.given_surname >= {similar_name_part} then 'close'
            when p.given_names >= {similar_name_part}
                and p.surnames >= {alike_name_part} then 'alike'
            when p.given_names >= {similar_name_part}
                or greatest(
                    p.surname_given,
                    p.given_surname
                ) >= {similar_name} then 'same_given_name'
            else 'different'
        end
    when l.name_key is not null and r.name_key is not null then
        case
            when l.name_key = r.name_key then 'same'
            when l.pinyin_key = r.pinyin_key then 'same_sound'
            when (l.name_kind = 'latin' or r.name_kind = 'latin') and l.sound_key = r.sound_key then 'same_sound'
            -- A Chinese surname with an English given name may be anyone of that surname.
            when l.name_kind = 'latin' then
                case when starts_with(r.pinyin_key, l.surname_sound) then 'compatible' else 'different' end
            when r.name_kind = 'latin' then
                case when starts_with(l.pinyin_key, r.surname_sound) then 'compatible' else 'different' end
            -- DuckDB's edit distances count bytes, of which a Chinese character has three.
            when least(length(l.name_key), length(r.name_key)) >= 3 and {one_character_apart} then
                case when length(l.name_key) = length(r.name_key) then 'one_of_three' else 'close' end
            when l.surname = r.surname and length(l.name_key) = length(r.name_key) and {one_character_apart}
                then 'one_character'
            else 'different'
        end
    -- Written in pinyin without a space, as in a user name.
    when l.pinyin_key = r.pinyin_key and (l.name_key is not null or r.name_key is not null) then 'same_sound'
    when l.name_kind = 'masked' and r.name_kind in ('full', 'latin') then
        case
            when l.name_pattern is null then 'unknown'
            when case r.name_kind when 'latin' then regexp_matches(lower(r.surname), lower(l.name_pattern))
                or regexp_matches(lower(concat_ws(' ', r.given_name, r.surname)), lower(l.name_pattern))
                else regexp_matches(r.name_key, l.name_pattern) end then 'compatible'
            else 'different'
        end
    when r.name_kind = 'masked' and l.name_kind in ('full', 'latin') then
        case
            when r.name_pattern is null then 'unknown'
            when case l.name_kind when 'latin' then regexp_matches(lower(l.surname), lower(r.name_pattern))
                or regexp_matches(lower(concat_ws(' ', l.given_name, l.surname)), lower(r.name_pattern))
                else regexp_matches(l.name_key, r.name_pattern) end then 'compatible'
            else 'different'
        end
    when coalesce(l.surname, l.given_name) is null or coalesce(r.surname, r.given_name) is null then 'unknown'
    when l.name_kind = 'latin' or r.name_kind = 'latin' then 'unknown'
    when l.surname <> r.surname then 'different'
    when l.given_name is null or r.given_name is null then 'compatible'
    when contains(l.given_name, r.given_name) or contains(r.given_name, l.given_name) then 'compatible'
    else 'different'
end
"""

_SPELLED = """(
    l.name_key is null and l.spelled_sound = r.sound_key
        and (l.surname is null or r.name_kind = 'latin' or l.surname = r.surname)
    or r.name_key is null and r.spelled_sound = l.sound_key
        and (r.surname is null or l.name_kind = 'latin' or l.surname = r.surname)
)"""

# Weighed apart from the name: most who give no name chose a user name that spells none.
_SPELLING_LEVEL = """
case
    when {spelled} then 'same'
    when l.name_key is null and l.spelled_sound is not null and r.sound_key is not null then 'different'
    when r.name_key is null and r.spelled_sound is not null and l.sound_key is not null then 'different'
    else 'unknown'
end
"""

# A slip of the pen keeps most of the digits; a year or a month apart is a misreading or a guess; a generation
# apart is a parent and a child.
_BIRTHDAY_LEVEL = """
case
    when l.birthday is null or r.birthday is null then 'unknown'
    when l.birthday = r.birthday then 'same'
    when p.birthday_slips <= 1 then 'close'
    when year(l.birthday) = year(r.birthday) and month(l.birthday) = day(r.birthday)
        and day(l.birthday) = month(r.birthday) then 'close'
    when abs(l.birthday - r.birthday) <= 31
        or (year(l.birthday) = year(r.birthday))::integer + (month(l.birthday) = month(r.birthday))::integer
            + (day(l.birthday) = day(r.birthday))::integer >= 2
        or p.birthday_slips <= 2 then 'two_parts'
    when abs(l.birthday - r.birthday) <= 366 then 'same_year'
    when abs(l.birthday - r.birthday) >= {generation_years} * 365 then 'generation'
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
    when l.email = r.email then 'same'
    when l.email_local = r.email_local then 'same_mailbox_name'
    -- A user name is chosen once and kept, as a mailbox name is; another one says nothing.
    when l.user_name = r.user_name or l.user_name = r.email_local or r.user_name = l.email_local
        then 'same_mailbox_name'
    when l.email is null or r.email is null then 'unknown'
    -- Other digits are other people: zhangwei81 and zhangwei82.
    when damerau_levenshtein(l.email_local, r.email_local)
            <= case when least(length(l.email_local), length(r.email_local)) >= 8 then 2 else 1 end
        and regexp_replace(l.email_local, '[^0-9]', '', 'g') = regexp_replace(r.email_local, '[^0-9]', '', 'g')
        then 'close'
    when damerau_levenshtein(l.email, r.email) <= {similar_mailbox}
        and damerau_levenshtein(
            regexp_replace(l.email_local, '[^0-9]', '', 'g'), regexp_replace(r.email_local, '[^0-9]', '', 'g')
        ) <= 1 then 'alike'
    else 'different'
end
"""

_PHONE_LEVEL = """
case
    when l.phone_mask is not null and r.phone_national is not null then
        case
            when starts_with(r.phone_national, split_part(l.phone_mask, '*', 1))
                and ends_with(r.phone_national, split_part(l.phone_mask, '*', -1)) then 'masked'
            else 'different'
        end
    when r.phone_mask is not null and l.phone_national is not null then
        case
            when starts_with(l.phone_national, split_part(r.phone_mask, '*', 1))
                and ends_with(l.phone_national, split_part(r.phone_mask, '*', -1)) then 'masked'
            else 'different'
        end
    when l.phone_mask = r.phone_mask then 'masked'
    when l.phones is null or r.phones is null then 'unknown'
    when list_has_any(l.phones, r.phones) then 'same'
    -- Numbers are given out in series: neighbours are two people, a slip further up is one.
    when length(l.phone) = length(r.phone)
        -- One slip leaves the first or the last half as it is, which is quicker to see.
        and (
            left(l.phone, length(l.phone) // 2 - 1) = left(r.phone, length(r.phone) // 2 - 1)
            or right(l.phone, length(l.phone) // 2 - 1) = right(r.phone, length(r.phone) // 2 - 1)
        )
        and damerau_levenshtein(l.phone, r.phone) <= 1
        and abs(try_cast(l.phone as bigint) - try_cast(r.phone as bigint)) >= {phone_series} then 'close'
    else 'different'
end
"""

# The parts say most where both addresses could be read; else the share of words that both hold.
_ADDRESS_LEVEL = """
case
    when l.road is not null and l.road = r.road and coalesce(l.city = r.city, true)
        and not (
            coalesce(l.road_number <> r.road_number, false) or coalesce(l.building <> r.building, false)
            or coalesce(l.room <> r.room, false)
        )
        and (
            (l.road_number = r.road_number)::integer + coalesce((l.building = r.building)::integer, 0)
            + coalesce((l.room = r.room)::integer, 0) >= 2
            or l.room = r.room and l.building = r.building
        ) then 'same_door'
    when least(length(l.address_words), length(r.address_words)) >= 3
        and not (
            coalesce(l.road_number <> r.road_number, false) or coalesce(l.building <> r.building, false)
            or coalesce(l.room <> r.room, false)
        )
        and 2 * length(list_intersect(l.address_words, r.address_words))
            >= {same_address_words} * (length(l.address_words) + length(r.address_words)) then 'same_door'
    -- Another door of one house.
    when l.road = r.road and l.road_number = r.road_number
        and (coalesce(l.building <> r.building, false) or coalesce(l.room <> r.room, false)) then 'same_district'
    when l.road is not null and l.road = r.road and l.road_number = r.road_number
        and coalesce(l.city = r.city, true) then 'same_road'
    when l.address_key is not null and l.address_key = r.address_key then 'same_road'
    when length(list_intersect(l.address_words, r.address_words)) >= 2
        and 2 * length(list_intersect(l.address_words, r.address_words))
            >= {close_address_words} * (length(l.address_words) + length(r.address_words)) then 'same_road'
    -- Misspelt streets, where addresses are not Chinese.
    when l.district is null and r.district is null and p.roads >= {similar_road} and p.cities >= {similar_city} then
        case when l.road_number = r.road_number then 'same_road' else 'same_district' end
    when l.district is not null and l.district = r.district then 'same_district'
    when l.road is not null and l.road = r.road and coalesce(l.city = r.city, true) then 'same_district'
    when l.city is null or r.city is null then 'unknown'
    when l.city = r.city or p.cities >= {similar_city} then
        -- One side that says no more than the town says nothing of where in it.
        case
            when l.road is null and coalesce(length(l.address_words), 0) < 2 then 'same_city'
            when r.road is null and coalesce(length(r.address_words), 0) < 2 then 'same_city'
            else 'elsewhere_in_city'
        end
    else 'different'
end
"""

_LEVELS = {
    "name": _NAME_LEVEL,
    "spelling": _SPELLING_LEVEL,
    "birthday": _BIRTHDAY_LEVEL,
    "gender": _GENDER_LEVEL,
    "phone": _PHONE_LEVEL,
    "email": _EMAIL_LEVEL,
    "address": _ADDRESS_LEVEL,
    "id_card": "case when l.id_card is null or r.id_card is null then 'unknown' "
    "when l.id_card = r.id_card then 'same' "
    "when damerau_levenshtein(l.id_card, r.id_card) <= 1 then 'close' "
    "when damerau_levenshtein(l.id_card, r.id_card) <= 2 then 'alike' else 'different' end",
    "unionid": "case when l.unionid is null or r.unionid is null then 'unknown' "
    "when l.unionid = r.unionid then 'same' else 'different' end",
}

_LIMITS = (
    "similar_name", "similar_name_part", "alike_name_part", "similar_mailbox", "similar_city", "same_address_words",
    "close_address_words", "generation_years", "phone_series", "similar_road",
)  # fmt: skip

FIELDS = tuple(_LEVELS)
"""The compared fields, in the order of evidence."""

AGREEING = (
    "same", "same_sound", "spelled", "same_door", "close", "compatible", "same_mailbox_name", "same_road", "short_form",
    "alike", "two_parts", "masked",
)  # fmt: skip
"""Levels that speak for one person."""

DISAGREEING = ("different", "generation", "title_conflict", "title_against_record", "same_surname", "same_given_name")
"""Levels that speak for two people."""

CONTRADICTED = """
(
    (
        id_card = 'different'
        and not (name in ('same', 'same_sound', 'close') and birthday = 'same' and (phone = 'same' or email = 'same'
            or address = 'same_door'))
    )
    or gender = 'title_conflict'
    or (gender = 'title_against_record' and name not in ('same', 'same_sound'))
    or (
        birthday = 'generation'
        and not (
            id_card = 'same' or email in ('same', 'same_mailbox_name', 'close') or unionid = 'same'
            or name in ('same', 'same_sound', 'close') and address in ('same_door', 'same_road')
        )
    )
    or (
        birthday in ('different', 'same_year', 'generation')
        and name in ('different', 'same_surname', 'same_given_name', 'one_character') and id_card <> 'same'
    )
    -- Where the names say little, a number or a door is shared by a household and anything else may part it.
    or (
        name in ('unknown', 'compatible')
        and not (email in ('same', 'same_mailbox_name', 'close') or unionid = 'same' or id_card = 'same')
        and (
            birthday in ('different', 'same_year', 'generation') or gender = 'different'
            or address = 'different' and birthday not in ('same', 'close')
        )
    )
    or (
        name in ('same_surname', 'same_given_name', 'one_character')
        and (birthday not in ('same', 'close', 'two_parts') or gender = 'different')
        -- A surname changed by marriage.
        and not (
            both_latin and name = 'same_given_name' and birthday = 'unknown' and address = 'same_door'
            and gender <> 'different'
        )
    )
    or (
        name = 'different'
        and not (birthday = 'same' and (email = 'same' or unionid = 'same' or id_card = 'same' or both_latin))
    )
)
"""
"""SQL over the levels: no rule joins these two records because of one shared identifier; their score may."""

_TITLES = """
    {of}gender = 'title_conflict'
    or ({of}gender = 'title_against_record' and {of}name not in ('same', 'same_sound'))
"""

HOPELESS = f"""
(
    {_TITLES.format(of="e.")}
    or not e.both_latin and e.name = 'different' and not {{same_birthday}}
)
"""
"""SQL over name and gender in `e`: two records that are `EXCLUDED` whatever the other fields say."""

_SAID_OUTRIGHT = f"""
(
    {_TITLES.format(of="")}
    or (
        not both_latin
        and (
            name = 'different' and not (birthday = 'same' and (email = 'same' or unionid = 'same' or id_card = 'same'))
            or name = 'one_character' and (birthday not in ('same', 'close', 'two_parts') or gender = 'different')
        )
    )
)
"""

# A parent and a child of one name and number; two cards. Forgiven where everything else is one person's.
_OTHER_PERSON = """
(
    birthday = 'generation'
    and not (
        id_card in ('same', 'close') or email in ('same', 'same_mailbox_name', 'close') or unionid = 'same'
        or name in ('same', 'same_sound', 'close') and address in ('same_door', 'same_road')
    )
    or id_card = 'different'
    and not (
        birthday in ('same', 'close')
        and (
            name in ('same', 'same_sound', 'close', 'short_form', 'alike', 'compatible')
            or both_latin and address in ('same_door', 'same_road')
        )
    )
)
"""

EXCLUDED = f"({_SAID_OUTRIGHT} or {_OTHER_PERSON})"
"""SQL over the levels: no score joins these two, however high. All other disagreement is weighed."""

INCOMPATIBLE = f"({_SAID_OUTRIGHT} or not both_latin and {_OTHER_PERSON})"
"""SQL over the levels: no cluster holds these two, whatever others link them.

Slips add up: two Latin records that are each one slip from a third may look like two people.
"""

CORROBORATED = """
(
    birthday in ('same', 'close')
    or email in ('same', 'same_mailbox_name', 'close')
    or id_card in ('same', 'close', 'alike')
    or phone in ('same', 'close', 'masked')
    or address in ('same_door', 'same_road')
    or name in ('same', 'same_sound', 'close') and (birthday = 'two_parts' or email = 'alike')
)
"""
"""SQL over the levels: something agrees besides name, town and sex, which are shared by many."""

SHARED_AT_HOME = """
(
    name in ('unknown', 'compatible')
    and not (
        birthday in ('same', 'close')
        or email in ('same', 'same_mailbox_name', 'close')
        or id_card in ('same', 'close', 'alike')
        or unionid = 'same'
    )
)
"""
"""SQL over the levels: nothing agrees that a household does not share: a number, a door, a surname."""


# Fewer pairs than one in so many records: the rows they need are picked first.
_PICKED_BELOW = 4


def _one_character_apart() -> str:
    """SQL: two names differ by one character put in, left out or replaced; by characters, not by bytes."""
    differing = [f"(substr(l.name_key, {i}, 1) <> substr(r.name_key, {i}, 1))::integer" for i in range(1, 7)]
    # Most names have two or three characters; looking for six takes twice as long.
    replaced = f"case when length(l.name_key) <= 3 then {' + '.join(differing[:3])} else {' + '.join(differing)} end"

    def left_out(short: str, long: str) -> str:
        cuts = [f"left({long}, {i}) || substr({long}, {i + 2})" for i in range(6)]
        return f"{short} in ({', '.join(cuts)})"

    return f"""
    case length(l.name_key) - length(r.name_key)
        when 0 then length(l.name_key) <= 6 and ({replaced}) <= 1
        when 1 then {left_out("r.name_key", "l.name_key")}
        when -1 then {left_out("l.name_key", "r.name_key")}
        else false
    end
    """


# Each is worked out once for a pair, however many levels ask for it.
_BOTH_LATIN = "l.name_kind = 'latin' and r.name_kind = 'latin'"
SIMILARITIES = {
    "surnames": f"case when {_BOTH_LATIN} then jaro_winkler_similarity(l.surname_sound, r.surname_sound) end",
    "given_names": f"case when {_BOTH_LATIN} then jaro_winkler_similarity(l.given_sound, r.given_sound) end",
    "surname_given": f"case when {_BOTH_LATIN} then jaro_winkler_similarity(l.surname_sound, r.given_sound) end",
    "given_surname": f"case when {_BOTH_LATIN} then jaro_winkler_similarity(l.given_sound, r.surname_sound) end",
    "birthday_slips": "case when l.birthday <> r.birthday then "
    "damerau_levenshtein(l.birthday_digits, r.birthday_digits) end",
    "cities": "jaro_winkler_similarity(l.city, r.city)",
    "roads": "case when l.district is null and r.district is null then "
    "jaro_winkler_similarity(replace(l.road, ' ', ''), replace(r.road, ' ', '')) end",
}
"""What levels ask of a pair by the name `p`, over the records `l` and `r`."""


def level_sql(policy: IdentityPolicy) -> dict[str, str]:
    """SQL of each field's level over the records `l` and `r` and the similarities `p` of the pair."""
    parts: dict[str, object] = {name: policy.limit(name) for name in _LIMITS}
    parts |= {"one_character_apart": f"({_one_character_apart()})", "spelled": _SPELLED}
    return {field: sql.format(**parts) for field, sql in _LEVELS.items()}


def records_of(connection: duckdb.DuckDBPyConnection, pairs: str) -> str:
    """Name the table that holds the records of `pairs`: `subjects`, or temporary `compared_subjects`.

    Comparing reads every column four times, so of few pairs the rows are picked first.
    """
    row = connection.execute(f"select (select count(*) from {pairs}), (select count(*) from subjects)").fetchone()
    few, many = row or (0, 0)
    if few * _PICKED_BELOW > many:
        return "subjects"
    connection.execute(
        "create or replace temp table compared_subjects as "
        f"select * from subjects where record_id in (select l from {pairs} union all select r from {pairs})"
    )
    return "compared_subjects"


def levels_query(
    policy: IdentityPolicy,
    pairs: str,
    fields: Sequence[str],
    records: str = "subjects",
    carried: Sequence[str] = (),
) -> str:
    """SQL of the pairs `(l, r)` of record ids with one level for each of `fields`; `records` holds what is compared.

    Columns: `l, r`, the columns of `pairs` that are `carried` along, the fields, `both_latin`, `one_word` and
    `both_chinese`. Grain: one row per row of `pairs`.
    """
    of_field = level_sql(policy)
    levels = ",\n".join(f"{of_field[field]} as {field}" for field in fields)
    asked = [name for name in SIMILARITIES if any(f"p.{name}" in of_field[field] for field in fields)]
    similarities = "".join(f", {SIMILARITIES[name]} as {name}" for name in asked)
    of_pair = ", ".join(f"p.{column}" for column in ("l", "r", *carried))
    return f"""
        select
            {of_pair}, {levels},
            {_BOTH_LATIN} as both_latin,
            {_BOTH_LATIN} and (l.surname_sound is null or r.surname_sound is null) as one_word,
            l.name_kind <> 'latin' and r.name_kind <> 'latin' as both_chinese
        from (
            select {of_pair}{similarities}
            from {pairs} as p
            inner join {records} as l on l.record_id = p.l
            inner join {records} as r on r.record_id = p.r
        ) as p
        inner join {records} as l on l.record_id = p.l
        inner join {records} as r on r.record_id = p.r
    """


def compare_pairs(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, pairs: str, into: str) -> None:
    """Write temporary table `into`: the pairs `(l, r)` of record ids with one level per field.

    Columns: `l, r`, one level for each one of `FIELDS`, `both_latin`, `one_word`, `both_chinese`, `contradicted`,
    `excluded` and `incompatible`.
    Grain: one row per row of `pairs`, whose table must hold distinct pairs.
    """
    connection.execute(
        f"""
        create or replace temp table {into} as
        select *, {CONTRADICTED} as contradicted, {EXCLUDED} as excluded, {INCOMPATIBLE} as incompatible
        from ({levels_query(policy, pairs, FIELDS, records_of(connection, pairs))})
        """
    )


def evidence_map(alias: str) -> str:
    """SQL map from field to level for the fields that both records fill in."""
    entries = ", ".join(f"{{'k': '{f}', 'v': {alias}.{f}}}" for f in FIELDS)
    return f"map_from_entries(list_filter([{entries}], lambda x: x.v <> 'unknown'))"
