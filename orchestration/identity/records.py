"""Person records: what the sources say about people, one row per member, account or distinct mention.

What belongs here: gathering people from the clean tables and joining the dictionaries. What does not:
deciding which records are the same person.
"""

import duckdb

from orchestration.cleaning.wordlists import REFERENCE_DIR, read_rows
from orchestration.database import transaction
from orchestration.identity.phone_periods import write_phone_periods, write_use_periods
from orchestration.identity.policy import IdentityPolicy
from orchestration.identity.recipes import Built, find_due, note_recipe, recipe, why_all_is_due

# Every source record that mentions a person without being a member or an account, with the dates that age it.
# An answer that names nobody inherits the person of its case; a basket is one mention, however many lines it has.
_MENTIONED = """
create or replace temp table mentioned as
with cases as (
    select
        'call_center.cases' as source, record_key, case_id, member_id, account_id,
        caller_name as name, caller_phone as phone, null::varchar as address,
        opened_at as seen_at, _first_delivered as first_delivered, false as by_case
    from clean.call_center_cases
),
surveys as (
    select
        'call_center.surveys' as source, s.record_key, s.case_id,
        case when alone then c.member_id else s.member_id end as member_id,
        case when alone then c.account_id else s.account_id end as account_id,
        case when alone then c.name end as name,
        case when alone then c.phone else s.phone end as phone,
        null::varchar as address, s.responded_at as seen_at, s._first_delivered as first_delivered,
        alone and c.case_id is not null as by_case
    from (
        select s.*, member_id is null and account_id is null and p.e164 is null as alone
        from clean.call_center_surveys as s
        left join clean.phones as p on p.value = s.phone
    ) as s
    left join cases as c on c.case_id = s.case_id
),
outreach as (
    select
        'call_center.outreach' as source, record_key, null::varchar as case_id, member_id, account_id,
        null::varchar as name, phone, null::varchar as address,
        sent_at as seen_at, _first_delivered as first_delivered, false as by_case
    from clean.call_center_outreach
),
guest_orders as (
    select
        'ecommerce.orders' as source, order_id as record_key, null::varchar as case_id,
        null::varchar as member_id, null::varchar as account_id,
        min(receiver_name) as name, min(receiver_phone) as phone, min(receiver_address) as address,
        min(ordered_at) as seen_at, min(_first_delivered) as first_delivered, false as by_case
    from clean.ecommerce_orders as o
    -- Sorted out before they are gathered: most orders have an account, on every line.
    where account_id is null and not exists (
        select 1 from clean.ecommerce_orders as a where a.order_id = o.order_id and a.account_id is not null
    )
    group by order_id
),
tickets as (
    select
        'pos.sales' as source, ticket_id as record_key, null::varchar as case_id,
        null::varchar as member_id, null::varchar as account_id,
        null::varchar as name, min(phone) as phone, null::varchar as address,
        min(sold_at) as seen_at, min(_first_delivered) as first_delivered, false as by_case
    from clean.pos_sales as t
    where member_id is null and not exists (
        select 1 from clean.pos_sales as m where m.ticket_id = t.ticket_id and m.member_id is not null
    )
    group by ticket_id
),
mentions as (
    select * from cases
    union all by name select * from surveys
    union all by name select * from outreach
    union all by name select * from guest_orders
    union all by name select * from tickets
)
select
    m.*, p.e164, null::integer as phone_period,
    case
        when m.member_id is null and m.account_id is null and p.e164 is null then null
        -- A number, because it costs half as much to join and to keep as its text.
        else md5_number(concat_ws(
            '|', m.source, coalesce(m.member_id, ''), coalesce(m.account_id, ''), coalesce(p.e164, ''),
            coalesce(n.name_key, m.name, ''), coalesce(n.honorific, ''), m.by_case
        ))
    end as mention_key
from mentions as m
left join clean.phones as p on p.value = m.phone
left join clean.names as n on n.value = m.name
"""

# A number that changed hands mentions another person before and after.
_MENTIONED_IN_PERIODS = """
update mentioned set
    phone_period = u.phone_period, mention_key = md5_number(concat_ws('|', mentioned.mention_key, u.phone_period))
from mention_periods as u
where u.source = mentioned.source and u.record_key = mentioned.record_key
"""

# Members and accounts that facts point to and no delivery has described.
_INFERRED = """
create or replace temp table inferred_people as
with members as (
    select member_id as record_key, sold_at as seen_at, _first_delivered as first_delivered from clean.pos_sales
    union all
    select member_id, seen_at, first_delivered from mentioned where not by_case
),
accounts as (
    select account_id as record_key, ordered_at as seen_at, _first_delivered as first_delivered
    from clean.ecommerce_orders
    union all
    select account_id, occurred_at, _first_delivered from clean.ecommerce_events
    union all
    select referrer_account_id, registered_at::timestamp, _first_delivered from clean.ecommerce_customers
    union all
    select account_id, seen_at, first_delivered from mentioned where not by_case
),
unknown as (
    select 'pos.members' as source, m.*
    from members as m anti join clean.pos_members as c on c.member_id = m.record_key
    where m.record_key is not null
    union all
    select 'ecommerce.customers', a.*
    from accounts as a anti join clean.ecommerce_customers as c on c.account_id = a.record_key
    where a.record_key is not null
)
select source, record_key, min(seen_at) as first_seen_at, min(first_delivered) as first_delivered
from unknown
group by source, record_key
"""

_PEOPLE = """
create or replace temp table people as
select
    'pos.members' as source, record_key, null::hugeint as mention_key,
    member_id, null::varchar as account_id, null::varchar as unionid, id_card, name, phone,
    null::varchar as email, gender, birthday::date as birthday, null::varchar as province, city, address,
    null::boolean as marketing_consent, null::varchar as referrer_account_id,
    registered_at::timestamp as registered_at,
    coalesce(registered_at::timestamp, _first_delivered::timestamp) as first_seen_at,
    _first_delivered as first_delivered, _delivery_date as updated_on, false as inferred, 1 as occurrences
from clean.pos_members
union all by name
select
    'ecommerce.customers' as source, record_key,
    null::varchar as member_id, account_id, unionid, null::varchar as id_card, name, phone,
    email, username, gender, birthday::date as birthday, province, city, address,
    marketing_consent, referrer_account_id,
    registered_at::timestamp as registered_at,
    coalesce(registered_at::timestamp, _first_delivered::timestamp) as first_seen_at,
    _first_delivered as first_delivered, _delivery_date as updated_on, false as inferred, 1 as occurrences
from clean.ecommerce_customers
union all by name
select
    source, record_key,
    case when source = 'pos.members' then record_key end as member_id,
    case when source = 'ecommerce.customers' then record_key end as account_id,
    coalesce(first_seen_at, first_delivered::timestamp) as first_seen_at,
    first_delivered, first_delivered as updated_on, true as inferred, 1 as occurrences
from inferred_people
union all by name
select
    source,
    arg_min(record_key, (first_delivered, seen_at, record_key)) as record_key,
    mention_key,
    any_value(member_id) as member_id, any_value(account_id) as account_id,
    min(name) as name, min(phone) as phone, min(address) as address, any_value(phone_period) as phone_period,
    min(seen_at) as first_seen_at, min(first_delivered) as first_delivered,
    coalesce(max(seen_at)::date, max(first_delivered)) as updated_on, false as inferred,
    count(*)::integer as occurrences
from mentioned
where mention_key is not null
group by source, mention_key
"""

_PEOPLE_USES = """
select p.source, p.record_key, h.e164, coalesce(p.registered_at, p.first_delivered::timestamp) as used_at
from people as p
inner join clean.phones as h on h.value = p.phone
where p.source in ('pos.members', 'ecommerce.customers') and h.e164 is not null
"""

# Eleven digits that start with 1 are a Chinese mobile or a North American number with its country code: where
# the same number also came with an unmistakable +1, it is that one.
_OTHER_READINGS = """
create or replace temp table other_readings as
select distinct c.e164, a.e164 as phone
from clean.phones as c
inner join clean.phones as a on a.e164 = '+1' || substr(c.e164, 5)
where starts_with(c.e164, '+861') and length(c.e164) = 14
"""

# What a name, a number, a mailbox and an address say is worked out once for each distinct one.
_DESCRIBED = """
with named as (
    select
        value,
        nullif(surname, '') as surname,
        nullif(given_name, '') as given_name,
        kind,
        case when kind in ('full', 'latin') then nullif(name_key, '') end as name_key,
        nullif(pinyin_key, '') as pinyin_key,
        -- The same letters whatever the order and spacing of the parts: Zhang Xiaoming, xiao-ming zhang, 张晓明.
        case when kind in ('full', 'latin') and coalesce(name_key, '') <> '' then
            array_to_string(list_sort(string_split(
                regexp_replace(lower(strip_accents(coalesce(nullif(pinyin_key, ''), name_key))), '[^a-z]', '', 'g'), ''
            )), '')
        end as sound_key,
        regexp_replace(lower(strip_accents(surname)), '[. ''-]', '', 'g') as surname_sound,
        regexp_replace(lower(strip_accents(given_name)), '[. ''-]', '', 'g') as given_sound,
        case when kind = 'masked' then '^' || regexp_replace(display_name, '[*]+', '.+', 'g') || '$' end
            as name_pattern,
        honorific, honorific_class, display_name, masked_name, salutation,
        case when coalesce(honorific_class, '') = 'gendered' then gender_evidence end as title_gender
    from clean.names{narrowed[name]}
),
rooted as (
    select
        n.*,
        -- Bob may be Robert, and so may Rob: the given names that a written one can stand for, itself included.
        case when n.kind = 'latin' and n.given_name is not null then
            list_append(coalesce(v.names, []), n.given_sound)
        end as given_roots
    from named as n
    left join given_name_variants as v on v.variant = n.given_sound
),
located as (
    select
        value, nullif(province, '') as province, nullif(city, '') as city, district, road, number, building, room,
        nullif(address_key, '') as address_key,
        list_distinct(string_split(nullif(address_key, ''), '|')) as address_words
    from clean.addresses{narrowed[address]}
)
select
    p.source,
    p.record_key,
    p.mention_key,
    p.member_id,
    p.account_id,
    nullif(lower(trim(p.unionid)), '') as unionid,
    upper(p.id_card) as id_card,
    p.name,
    n.surname,
    n.given_name,
    coalesce(n.kind, 'empty') as name_kind,
    n.name_key,
    n.pinyin_key,
    n.sound_key,
    n.surname_sound,
    n.given_sound,
    n.given_roots,
    n.name_pattern,
    n.honorific,
    n.honorific_class,
    n.display_name,
    n.masked_name,
    n.salutation,
    n.title_gender,
    p.gender,
    case when b.value is null then p.birthday end as birthday,
    coalesce(o.phone, h.e164) as phone,
    case when coalesce(o.phone, h.e164) is not null then
        case when o.phone is null then h.national else substr(o.phone, 3) end
    end as phone_national,
    case when h.kind = 'masked' and length(regexp_replace(h.national, '[^0-9]', '', 'g')) >= 7 then h.national end
        as phone_mask,
    h.masked_phone,
    -- Whose turn it is where the number changed hands; NULL where it did not, 0 where it may be anyone's.
    coalesce(p.phone_period, w.phone_period) as phone_period,
    e.email,
    e.local_part as email_local,
    e.masked_email,
    -- A user name as telling as a mailbox name: letters and digits. Nicknames and words are anybody's.
    case when regexp_full_match(p.user_name, '[a-z0-9._-]*[a-z][a-z0-9._-]*') and regexp_matches(p.user_name, '[0-9]')
        and length(p.user_name) >= $min_user_name_length then p.user_name end as user_name,
    -- The letters that a user name or a mailbox spells before its digits, sorted as in sound_key: xiaoming.zhang88.
    case when n.kind is null or n.kind not in ('full', 'latin') then
        array_to_string(list_sort(string_split(
            nullif(regexp_replace(regexp_extract(
                coalesce(p.user_name, e.local_part), '^([a-z]+[._-]?[a-z]+)[._-]?[0-9]*$', 1
            ), '[^a-z]', '', 'g'), ''), ''
        )), '')
    end as spelled_sound,
    -- What holds digits is an address or a number in the wrong column.
    coalesce(a.province, case when not regexp_matches(p.province, '[0-9０-９]') then p.province end) as province,
    coalesce(a.city, case when not regexp_matches(p.city, '[0-9０-９]') then p.city end) as city,
    a.district,
    a.road,
    a.number as road_number,
    a.building,
    a.room,
    a.address_key,
    a.address_words,
    p.marketing_consent,
    p.referrer_account_id,
    p.registered_at,
    p.first_seen_at,
    p.first_delivered,
    p.updated_on,
    p.inferred,
    p.occurrences
from (
    select *, nullif(regexp_replace(lower(trim(username)), '@.*$', ''), '') as user_name from {people}
) as p
left join rooted as n on n.value = p.name
left join clean.phones as h on h.value = p.phone
left join other_readings as o on o.e164 = h.e164
left join clean.emails as e on e.value = p.email
left join located as a on a.value = p.address
left join people_periods as w on w.source = p.source and w.record_key = p.record_key
left join blocked_identifiers as b on b.kind = 'birthday' and b.value = p.birthday::varchar
"""

# Records are numbered from the oldest.
_BY_AGE = "row_number() over (order by first_delivered, first_seen_at, trust, source, record_key)::integer"
_NUMBERED = f"""
with numbered as (
    -- Keys alone: a window over whole records would hold each of them once more.
    select p.source, p.record_key, {_BY_AGE} as record_id
    from people as p
    left join identity_trust as t using (source)
)
select n.record_id, d.*, c.content
from ({{described}}) as d
inner join contents_now as c using (source, record_key)
inner join numbered as n using (source, record_key)
order by n.record_id
"""

# All that a record is made of besides code and policy: what its source says, and what the dictionaries make of it.
_CONTENTS = """
create or replace temp table contents_now as
select
    p.source, p.record_key,
    hash(p.said, n.said, h.said, o.phone, e.said, a.said, w.phone_period) as content
from (select *, hash(*columns(*)) as said from people) as p
left join (select value, hash(*columns(*)) as said from clean.names) as n on n.value = p.name
left join (select value, e164, hash(*columns(*)) as said from clean.phones) as h on h.value = p.phone
left join other_readings as o on o.e164 = h.e164
left join (select value, hash(*columns(*)) as said from clean.emails) as e on e.value = p.email
left join (select value, hash(*columns(*)) as said from clean.addresses) as a on a.value = p.address
left join people_periods as w on w.source = p.source and w.record_key = p.record_key
"""

_MENTION_TABLE = """
create or replace table identity.mentions as
select source, record_key, mention_key, by_case, first_delivered from mentioned
"""


def build_records(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> Built:
    """Write `identity.records` and `identity.mentions` from the clean tables.

    `identity.records`: one row per member, account (delivered, or inferred from a fact that names it) and
    distinct mention; mentions with the same source, ids, number and name are one row whose key is its
    oldest source record, `occurrences` counts them. `record_id` numbers the records from the oldest.
    `identity.mentions`: one row per case, survey, outreach contact, guest order and member-less ticket;
    `mention_key` is NULL where it carries neither id nor usable number.

    Records of which nothing changed, by their checksum `content`, keep their rows and are numbered anew. All are
    written again where policy, code, engine or the short forms of given names changed.
    """
    register_policy(connection, policy)
    variants = _register_variants(connection)
    connection.execute(_MENTIONED)
    write_phone_periods(connection, policy)
    uses = "select source, record_key, e164, coalesce(seen_at, first_delivered::timestamp) as used_at from mentioned"
    write_use_periods(connection, policy, uses, "mention_periods")
    for statement in (_MENTIONED_IN_PERIODS, _INFERRED, _PEOPLE):
        connection.execute(statement)
    write_use_periods(connection, policy, _PEOPLE_USES, "people_periods")
    for statement in (_OTHER_READINGS, _CONTENTS):
        connection.execute(statement)
    least = {"min_user_name_length": policy.limit("min_user_name_length")}
    made_by = recipe(sorted(policy.source_trust.items()), policy.blocked, least, variants)
    full_because = why_all_is_due(connection, "records", made_by) or find_due(
        connection, "identity.records", ("source", "record_key")
    )
    with transaction(connection):
        if full_because:
            described = _DESCRIBED.format(people="people", narrowed={"name": "", "address": ""})
            connection.execute(
                f"create or replace table identity.records as {_NUMBERED.format(described=described)}", least
            )
        else:
            _replace_due(connection, least)
        connection.execute(_MENTION_TABLE)
        note_recipe(connection, "records", made_by)
    row = connection.execute(
        "select count(*), " + ("count(*)" if full_because else "(select count(*) from due)") + " from identity.records"
    ).fetchone()
    for table in (
        "mentioned", "inferred_people", "people", "other_readings", "phone_periods", "mention_periods",
        "people_periods", "contents_now", "due", "due_people", "gone",
    ):  # fmt: skip
        connection.execute(f"drop table if exists temp.{table}")
    records, due = row or (0, 0)
    return Built(records, due, full_because)


def _replace_due(connection: duckdb.DuckDBPyConnection, least: dict[str, float]) -> None:
    """Replace the records that are due or gone and number all of them from the oldest."""
    connection.execute("delete from identity.records where (source, record_key) in (from due union all from gone)")
    connection.execute(
        "create or replace temp table due_people as from people semi join due using (source, record_key)"
    )
    narrowed = {c: f" where value in (select {c} from due_people)" for c in ("name", "address")}
    described = _DESCRIBED.format(people="due_people", narrowed=narrowed)
    connection.execute(
        "insert into identity.records by name select d.*, c.content "
        f"from ({described}) as d inner join contents_now as c using (source, record_key)",
        least,
    )
    connection.execute(
        f"""
        update identity.records set record_id = n.record_id
        from (
            select r.rowid as row_number, r.record_id as record_id_before, {_BY_AGE} as record_id
            from identity.records as r left join identity_trust as t using (source)
        ) as n
        where records.rowid = n.row_number and n.record_id_before is distinct from n.record_id
        """
    )


def _register_variants(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Put the short forms of given names into a temporary table, `variant, names`; return them."""
    rows = read_rows(REFERENCE_DIR / "given_name_variants.csv", ["variant", "name"])
    connection.execute("create or replace temp table given_name_pairs (variant varchar, name varchar)")
    connection.execute(
        "insert into given_name_pairs select unnest(?), unnest(?)",
        [[r["variant"] for r in rows], [r["name"] for r in rows]],
    )
    connection.execute(
        "create or replace temp table given_name_variants as "
        "select variant, list(distinct name order by name) as names from given_name_pairs group by variant"
    )
    return [(r["variant"], r["name"]) for r in rows]


def register_policy(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> None:
    """Put blocked values and source trust into temporary tables that SQL can join."""
    connection.execute("create or replace temp table blocked_identifiers (kind varchar, value varchar)")
    if policy.blocked:
        connection.executemany("insert into blocked_identifiers values (?, ?)", policy.blocked)
    connection.execute("create or replace temp table identity_trust (source varchar, trust integer)")
    if policy.source_trust:
        connection.executemany("insert into identity_trust values (?, ?)", list(policy.source_trust.items()))
