"""Numbers that were given out again: who used a number when, and from which day on it is somebody else's.

What belongs here: the periods of recycled phone numbers, learned from uses and names. What does not: numbers that many
people share at one time (`deterministic.py`), and joining records.

A number changes hands on a day when all who used it until then had been silent for `recycled_after_days`, and nobody
who uses it from then on shares a surname or a given name with any of them. Members, accounts and full names of cases
and guest orders count as users; a number alone does not say who uses it. Two nameless accounts of one source are two
users; a nameless record of another source may be anyone's.
"""

import duckdb

from orchestration.identity.policy import IdentityPolicy

_OWNERS = """
create or replace temp table phone_owners as
with owners as (
    select 'pos.members' as source, member_id as owner, name, phone, registered_at::timestamp as registered_at,
        _first_delivered as first_delivered
    from clean.pos_members where phone is not null
    union all
    select 'ecommerce.customers', account_id, name, phone, registered_at::timestamp, _first_delivered
    from clean.ecommerce_customers where phone is not null
    union all
    -- Who is named in full counts, whoever took the name down.
    select m.source, n.name_key, m.name, m.phone, m.seen_at, m.first_delivered
    from mentioned as m inner join clean.names as n on n.value = m.name
    where
        m.phone is not null and n.kind in ('full', 'latin') and n.name_key is not null
        and coalesce(m.member_id, m.account_id) is null
),
numbered as (
    select
        p.e164, o.source, o.owner, o.name, coalesce(o.registered_at, o.first_delivered::timestamp) as used_at
    from owners as o
    inner join clean.phones as p on p.value = o.phone
    where p.e164 is not null
),
-- Only where somebody was there long after somebody else came is there anything to find out.
long_used as (
    select e164 from numbered
    group by e164
    having count(*) > 1 and max(used_at) > min(used_at) + to_days($gap::integer)
),
described as (
    select
        o.e164, o.source, o.owner, o.used_at,
        regexp_replace(lower(strip_accents(n.surname)), '[. ''-]', '', 'g') as surname,
        regexp_replace(lower(strip_accents(n.given_name)), '[. ''-]', '', 'g') as given_name
    from numbered as o
    inner join long_used as u on u.e164 = o.e164
    left join clean.names as n on n.value = o.name
)
select
    e164, source, owner, any_value(surname) as surname, any_value(given_name) as given_name,
    min(used_at) as first_at, max(used_at) as last_at
from described
group by e164, source, owner
qualify
    count(*) over (partition by e164) between 2 and $most
    and max(first_at) over (partition by e164) > min(first_at) over (partition by e164) + to_days($gap::integer)
"""

# An owner uses the number for as long as facts name the owner.
_USES = """
create or replace temp table phone_uses as
with facts as (
    select 'pos.members' as source, member_id as owner, max(sold_at) as used_at
    from clean.pos_sales
    where member_id in (select owner from phone_owners where source = 'pos.members')
    group by member_id
    union all
    select 'ecommerce.customers', account_id, max(ordered_at) from clean.ecommerce_orders
    where account_id in (select owner from phone_owners where source = 'ecommerce.customers')
    group by account_id
    union all
    select 'ecommerce.customers', account_id, max(occurred_at) from clean.ecommerce_events
    where account_id in (select owner from phone_owners where source = 'ecommerce.customers')
    group by account_id
    union all
    select 'pos.members', member_id, max(seen_at) from mentioned
    where source in ('call_center.cases', 'call_center.surveys') and member_id is not null
    group by member_id
    union all
    select 'ecommerce.customers', account_id, max(seen_at) from mentioned
    where source in ('call_center.cases', 'call_center.surveys') and account_id is not null
    group by account_id
),
last_facts as (select source, owner, max(used_at) as used_at from facts group by source, owner)
select o.* replace (greatest(o.last_at, f.used_at) as last_at)
from phone_owners as o
left join last_facts as f using (source, owner)
"""

_PERIODS = """
create or replace temp table phone_periods as
with pairs as (
    select
        x.e164, x.first_at as earlier, y.first_at as later,
        y.first_at > x.last_at + to_days($gap::integer)
            and not coalesce(x.surname = y.surname, false) and not coalesce(x.given_name = y.given_name, false)
            and (
                coalesce(x.surname, x.given_name) is not null and coalesce(y.surname, y.given_name) is not null
                or x.source = y.source
            ) as apart
    from phone_uses as x inner join phone_uses as y on x.e164 = y.e164 and x.first_at < y.first_at
),
starts as (select distinct e164, first_at as starts_at from phone_uses),
handed_over as (
    select s.e164, s.starts_at
    from starts as s
    inner join pairs as p on p.e164 = s.e164 and p.earlier < s.starts_at and p.later >= s.starts_at
    group by s.e164, s.starts_at
    having bool_and(p.apart)
)
select
    h.e164, h.starts_at, max(u.last_at) as silent_since,
    1 + row_number() over (partition by h.e164 order by h.starts_at) as period
from handed_over as h
inner join phone_uses as u on u.e164 = h.e164 and u.first_at < h.starts_at
group by h.e164, h.starts_at
"""


def write_phone_periods(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> int:
    """Find the numbers that changed hands; return how many.

    Reads clean tables and temporary table `mentioned`. Writes temporary table `phone_periods` (`e164, starts_at,
    silent_since, period`): one row per change of hands; `period` counts from 2, the owners before the first have 1.
    """
    gap = int(policy.limit("recycled_after_days"))
    # More users than that are no series of owners, and are looked at as shared numbers.
    connection.execute(_OWNERS, {"gap": gap, "most": 4 * int(policy.limit("max_people_per_phone"))})
    connection.execute(_USES)
    connection.execute(_PERIODS, {"gap": gap})
    for table in ("phone_owners", "phone_uses"):
        connection.execute(f"drop table {table}")
    row = connection.execute("select count(distinct e164) from phone_periods").fetchone()
    return int(row[0]) if row else 0


def write_use_periods(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, uses: str, into: str) -> None:
    """Write temporary table `into` (`source, record_key, phone_period`) for uses of numbers that changed hands.

    A use after the old owners fell silent and before the new ones came is theirs whom it is near to in time, within
    `recycled_after_days`; period 0, nobody's, where that is neither or both.

    Args:
        connection: The working database with `phone_periods`.
        policy: Names the days.
        uses: Table or query with `source, record_key, e164, used_at`, one row per source record.
        into: Name of the table to write.
    """
    connection.execute(
        f"""
        create or replace temp table {into} as
        with judged as (
            select
                u.source, u.record_key, p.period, p.starts_at, u.used_at < p.starts_at as before,
                case
                    when u.used_at <= p.silent_since then p.period - 1
                    when u.used_at <= p.silent_since + to_days($gap::integer)
                        and u.used_at < p.starts_at - to_days($gap::integer) then p.period - 1
                    when u.used_at > p.silent_since + to_days($gap::integer)
                        and u.used_at >= p.starts_at - to_days($gap::integer) then p.period
                    else 0
                end as if_before
            from ({uses}) as u inner join phone_periods as p on p.e164 = u.e164
        )
        select
            source, record_key,
            coalesce(arg_min(if_before, starts_at) filter (where before), max(period))::integer as phone_period
        from judged
        group by source, record_key
        """,
        {"gap": int(policy.limit("recycled_after_days"))},
    )
