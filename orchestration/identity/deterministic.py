"""Links that need no score: a shared strong identifier, and names that agree with it.

What belongs here: which identifiers may be trusted, which record a fact's id points to, and the links
that follow. What does not: scores (`scoring.py`) and what becomes of links that disagree (`clustering.py`).
"""

from typing import Literal

import duckdb

from orchestration.identity.kept_pairs import compare_known
from orchestration.identity.policy import IdentityPolicy

JUDGED = {
    "phone": "phone",
    "phone_mask": "phone_mask",
    "email": "email",
    "user_name": "user_name",
    "unionid": "unionid",
    "id_card": "id_card",
    "address": "address_key",
    "birthday": "birthday::varchar",
    "member_id": "member_id",
    "account_id": "account_id",
}
"""Kinds of value that `over_shared` judges, with the SQL of each over `identity.records`."""


def _shared(kind: str, max_people: str, max_records: str = "null") -> str:
    """SQL of the values of a kind that more people, or more records, share than the limits allow.

    Names are counted only of values in so many records, which few are.
    """
    column = JUDGED[kind]
    return f"""
select '{kind}' as kind, {column} as value, count(distinct coalesce(pinyin_key, name_key)) as people,
    count(*) as records
from identity.records
where {column} in (
    select {column} from identity.records where {column} is not null
    group by {column} having count(*) > least({max_people}, {max_records})
)
group by {column}
having count(distinct coalesce(pinyin_key, name_key)) > {max_people} or count(*) > {max_records}"""


# A mention that carries an id belongs to its owner whatever else it says; the member card comes first.
_OWNED = """
create or replace temp table owned as
select
    m.record_id,
    coalesce(p.record_id, a.record_id) as owner_id,
    case
        when m.mention_key in (select mention_key from identity.mentions where by_case) then 'case_id'
        when p.record_id is not null then 'member_id'
        else 'account_id'
    end as rule
from identity.records as m
left join identity.records as p on p.source = 'pos.members' and p.member_id = m.member_id
left join identity.records as a on a.source = 'ecommerce.customers' and a.account_id = m.account_id
where m.source not in ('pos.members', 'ecommerce.customers') and coalesce(m.member_id, m.account_id) is not null
"""

# Values that so many people share that they say nothing about one of them, learned from the records at hand or blocked
# by hand. Often both: the number that tills send by default. Once each, or records that hold it would stand twice.
_OVER_SHARED = f"""
create or replace temp table over_shared as
with judged as (
{_shared("phone", "$max_people_per_phone", "$max_records_per_phone")}
union all
{_shared("phone_mask", "null", "$max_records_per_phone_mask")}
union all
{_shared("email", "$max_people_per_email", "$max_records_per_email")}
union all
{_shared("user_name", "$max_people_per_user_name", "$max_records_per_user_name")}
union all
{_shared("unionid", "$max_people_per_unionid", "$max_records_per_unionid")}
union all
{_shared("id_card", "$max_people_per_id_card", "$max_records_per_id_card")}
union all
{_shared("address", "$max_people_per_address")}
union all
{_shared("member_id", "$max_people_per_member_id", "$max_records_per_member_id")}
union all
{_shared("account_id", "$max_people_per_account_id", "$max_records_per_account_id")}
union all
select 'birthday', {JUDGED["birthday"]}, count(distinct coalesce(pinyin_key, name_key)), count(*)
from identity.records
where birthday is not null
group by birthday
having
    count(*) > $max_birthday_share * (select count(birthday) from identity.records)
    and (select count(birthday) from identity.records) >= $min_birthdays_to_learn
union all
select b.kind, b.value, 0, 0 from blocked_identifiers as b
union all
-- 138****8000 hides what tills send by default.
select 'phone_mask', m.phone_mask, 0, 0
from (select distinct phone_mask from identity.records where phone_mask is not null) as m
inner join blocked_identifiers as b
    on b.kind = 'phone' and starts_with(b.value, '+86' || split_part(m.phone_mask, '*', 1))
    and ends_with(b.value, split_part(m.phone_mask, '*', -1))
)
select kind, value, max(people) as people, max(records) as records from judged group by kind, value
"""

# A town, a province and a kind of street stand in every other address: only what is rarer tells one from another.
_COMMON_WORDS = """
create or replace temp table common_words as
select word
from (select unnest(address_words) as word from identity.records where length(address_words) > 1)
group by word
having count(*) > greatest(
    $min_common_address_word,
    $max_address_word_share * (select count(address_words) from identity.records)
)
"""

# A person who is known by an id alone is described by the facts that name the id; not by those of a card that the till
# uses for everybody, or it would take the name and the numbers of whoever called.
_DESCRIBED = """
create or replace temp table described as
with by_facts as (
    select
        o.owner_id,
        arg_min({
            'surname': m.surname, 'given_name': m.given_name, 'name_kind': m.name_kind, 'name_key': m.name_key,
            'pinyin_key': m.pinyin_key, 'sound_key': m.sound_key, 'surname_sound': m.surname_sound,
            'given_sound': m.given_sound, 'given_roots': m.given_roots
        }, m.record_id) filter (where m.name_key is not null) as named,
        arg_min(m.phone, m.record_id) filter (where m.phone is not null) as phone,
        list_sort(list(distinct m.phone || coalesce('#' || m.phone_period, '')) filter (
            where m.phone is not null and m.phone_period is distinct from 0
            and m.phone not in (select value from over_shared where kind = 'phone')
            and (
                m.name_key is null and (m.surname is null or w.surname is null or m.surname = w.surname)
                or w.name_key is null or m.name_key = w.name_key or m.pinyin_key = w.pinyin_key
            )
        )) as phones
    from owned as o
    inner join identity.records as m on m.record_id = o.record_id
    inner join identity.records as w on w.record_id = o.owner_id
    where
        o.owner_id in (select record_id from due_records)
        and (w.member_id is null or w.member_id not in (select value from over_shared where kind = 'member_id'))
        and (w.account_id is null or w.account_id not in (select value from over_shared where kind = 'account_id'))
    group by o.owner_id
),
-- A number that changed hands is another one for its next owner (`#2`).
trusted_phones as (
    select record_id, list_sort(list(distinct phone)) as phones
    from (
        select record_id, phone || coalesce('#' || phone_period, '') as phone from due_records
        where
            phone is not null and phone_period is distinct from 0
            and phone not in (select value from over_shared where kind = 'phone')
        union all
        select owner_id, unnest(phones) from by_facts where phones is not null
    )
    group by record_id
),
telling_words as (
    select record_id, list_sort(list(word)) as address_words
    from (
        select record_id, unnest(address_words) as word from due_records where length(address_words) > 1
    )
    where word not in (from common_words)
    group by record_id
),
filled as (
    select
        r.record_id,
        r.source,
        r.source not in ('pos.members', 'ecommerce.customers') as is_mention,
        case when u.value is null then r.unionid end as unionid,
        case when c.value is null then r.id_card end as id_card,
        coalesce(r.surname, case when r.name_key is null then d.named.surname end) as surname,
        coalesce(r.given_name, case when r.name_key is null then d.named.given_name end) as given_name,
        case when r.name_key is null and d.named is not null then d.named.name_kind else r.name_kind end as name_kind,
        coalesce(r.name_key, d.named.name_key) as name_key,
        case when r.name_key is null then coalesce(d.named.pinyin_key, r.pinyin_key) else r.pinyin_key end
            as pinyin_key,
        coalesce(r.sound_key, d.named.sound_key) as sound_key,
        coalesce(r.surname_sound, d.named.surname_sound) as surname_sound,
        coalesce(r.given_sound, d.named.given_sound) as given_sound,
        case when r.name_key is null and d.named is not null then d.named.given_roots else r.given_roots end
            as given_roots,
        r.name_pattern,
        r.title_gender,
        r.gender,
        case when b.value is null then r.birthday end as birthday,
        case when b.value is null then strftime(r.birthday, '%Y%m%d') end as birthday_digits,
        case when r.phone_period is distinct from 0 then coalesce(r.phone, d.phone) end as any_phone,
        r.phone_national,
        case when h.value is null then r.phone_mask end as phone_mask,
        case when e.value is null then r.email end as email,
        r.email_local,
        case when n.value is null then r.user_name end as user_name,
        case when r.name_key is null and d.named is null and n.value is null then r.spelled_sound end as spelled_sound,
        r.city, r.district, r.road,
        case when a.value is null then r.road_number end as road_number,
        case when a.value is null then r.building end as building,
        case when a.value is null then r.room end as room,
        case when a.value is null then r.address_key end as address_key,
        a.value is not null as shared_address
    from due_records as r
    left join by_facts as d on d.owner_id = r.record_id
    left join over_shared as h on h.kind = 'phone_mask' and h.value = r.phone_mask
    left join over_shared as e on e.kind = 'email' and e.value = r.email
    left join over_shared as n on n.kind = 'user_name' and n.value = r.user_name
    left join over_shared as u on u.kind = 'unionid' and u.value = r.unionid
    left join over_shared as c on c.kind = 'id_card' and c.value = r.id_card
    left join over_shared as a on a.kind = 'address' and a.value = r.address_key
    left join over_shared as b on b.kind = 'birthday' and b.value = r.birthday::varchar
)
select
    f.* exclude (any_phone, phone_national, shared_address),
    case when p.value is null then f.any_phone end as phone,
    case when p.value is null then f.phone_national end as phone_national,
    s.phones,
    case when not f.shared_address then w.address_words end as address_words
from filled as f
left join telling_words as w on w.record_id = f.record_id
left join over_shared as p on p.kind = 'phone' and p.value = f.any_phone
left join trusted_phones as s on s.record_id = f.record_id
order by f.record_id
"""

# A member and an account that one mention names.
_NAMED_BOTH = """
create or replace temp table named_both as
select distinct least(p.record_id, a.record_id) as l, greatest(p.record_id, a.record_id) as r
from (
    select member_id, account_id from identity.records
    where
        source not in ('pos.members', 'ecommerce.customers') and member_id is not null and account_id is not null
        and member_id not in (select value from over_shared where kind = 'member_id')
        and account_id not in (select value from over_shared where kind = 'account_id')
) as m
inner join identity.records as p on p.source = 'pos.members' and p.member_id = m.member_id
inner join identity.records as a on a.source = 'ecommerce.customers' and a.account_id = m.account_id
"""

_STRONG_PAIRS = """
create or replace temp table strong_pairs as
with phones as (
    select record_id, unnest(phones) as phone from subjects where name_key is not null and phones is not null
),
pairs as (
    select l.record_id as l, r.record_id as r
    from subjects as l inner join subjects as r on l.id_card = r.id_card and l.record_id < r.record_id
    union
    select l.record_id, r.record_id
    from subjects as l inner join subjects as r on l.unionid = r.unionid and l.record_id < r.record_id
    union
    select l.record_id, r.record_id
    from subjects as l inner join subjects as r on l.email = r.email and l.record_id < r.record_id
    union
    select l.record_id, r.record_id
    from phones as l inner join phones as r on l.phone = r.phone and l.record_id < r.record_id
    union
    select l, r from named_both
)
select l, r from pairs
"""

_STRONG_LINKS = """
create or replace temp table strong_links as
with decided as (
    select
        c.*,
        case
            when id_card = 'same' then 'id_card'
            when unionid = 'same' then 'unionid'
            when phone = 'same' and name = 'same' then 'phone_same_name'
            when n.l is not null then 'names_both'
            when email = 'same' then 'email'
            when phone = 'same' and name = 'same_sound' then 'phone_same_sound'
            -- One different character is a sibling rather than a slip unless the birthday says otherwise.
            when phone = 'same' and gender <> 'different'
                and (
                    both_latin and name in ('close', 'short_form', 'alike')
                    or birthday = 'same' and name in ('close', 'one_character', 'same_given_name')
                )
                then 'phone_close_name'
        end as rule
    from strong_evidence as c
    left join named_both as n using (l, r)
)
select d.* exclude (rule), d.rule, k.confidence
from decided as d
inner join link_confidence as k on k.rule = d.rule
"""


def describe_subjects(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> None:
    """Write what `judge_values` does and temporary view `subjects`: all records that are to be linked."""
    judge_values(connection, policy)
    describe(connection, "record_id not in (select record_id from owned)")
    connection.execute("create or replace temp view subjects as from described")


def judge_values(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> None:
    """Say which mentions stand with an owner and what of the records can be trusted.

    Reads `identity.records` and `identity.mentions`. Writes temporary tables: `owned` (a mention with an id:
    `record_id, owner_id, rule`), `over_shared` (identifier values not to be trusted, each once: `kind, value, people,
    records`) and `common_words` (`word`: of addresses, too common to tell one from another).
    """
    connection.execute(_OWNED)
    both = ("phone", "email", "user_name", "unionid", "id_card", "member_id", "account_id")
    names = [f"max_{what}_per_{kind}" for kind in both for what in ("people", "records")]
    names += ["max_records_per_phone_mask", "max_people_per_address", "max_birthday_share", "min_birthdays_to_learn"]
    connection.execute(_OVER_SHARED, {name: policy.limit(name) for name in names})
    connection.execute(
        _COMMON_WORDS, {n: policy.limit(n) for n in ("min_common_address_word", "max_address_word_share")}
    )


def describe(connection: duckdb.DuckDBPyConnection, which: str, kind: Literal["view", "table"] = "view") -> None:
    """Write temporary table `described`: records with their trusted values and what facts add, one row per record.

    Args:
        connection: The working database with the tables of `judge_values`.
        which: SQL over `record_id`, of records that have no owner.
        kind: `table` where these are so few that they are picked first.
    """
    connection.execute(f"create or replace temp {kind} due_records as select * from identity.records where {which}")
    connection.execute(_DESCRIBED)
    connection.execute(f"drop {kind} due_records")


def link_by_identifiers(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> int:
    """Decide what follows from shared identifiers alone; reads what `describe_subjects` and `kept_pairs.recall` wrote.

    Writes temporary tables `strong_evidence` (pairs `l, r` that share an identifier, levels per field) and
    `strong_links` (those of them that a rule joins, with `rule` and `confidence`). Returns how many pairs were
    compared that no earlier run had compared.
    """
    connection.execute("create or replace temp table link_confidence (rule varchar, confidence double)")
    connection.executemany("insert into link_confidence values (?, ?)", list(policy.confidences.items()))
    connection.execute(_NAMED_BOTH)
    connection.execute(_STRONG_PAIRS)
    compared = compare_known(connection, policy, "strong_pairs", "strong_evidence")
    connection.execute(_STRONG_LINKS)
    return compared
