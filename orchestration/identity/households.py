"""Households: customers who share a home, as a relation of its own. It never joins customers.

What belongs here: which shared addresses, landlines, mobiles and mailboxes make a household. What does not: who
is one person (`clustering.py`).
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.errors import UserError
from orchestration.identity.kept_subjects import DESCRIBES_ITS_OWNER
from orchestration.identity.policy import IdentityPolicy
from orchestration.policy_rows import newest_in_force, read_day, read_policy_rows

FILE_NAME = "household_rules.csv"
_COLUMNS = ("household_rule", "max_customers", "needs_surname", "enabled", "valid_from", "why")

# What two customers may share, from the records of each; `surname` where all that share it must bear one.
_KEYS = {
    "same_door": (
        "case when source <> 'ecommerce.orders' and room is not null then concat_ws('|', city, address_key) end"
    ),
    "same_house": (
        "case when source <> 'ecommerce.orders' and road is not null and road_number is not null and room is null "
        "and building is null then concat_ws('|', city, road, road_number) end"
    ),
    "same_landline": "case when phone_kind = 'landline' then phone || coalesce('#' || phone_period, '') end",
    "shared_mobile": "case when phone_kind = 'mobile' then phone || coalesce('#' || phone_period, '') end",
    "shared_mailbox": "email",
}


@dataclass(frozen=True)
class HouseholdRule:
    """One kind of evidence: at most so many customers may share a value; of one surname where that is needed."""

    name: str
    max_customers: int
    needs_surname: bool


def load_household_rules(directory: Path, as_of: date) -> tuple[HouseholdRule, ...]:
    """Read `household_rules.csv` as it is in force on a day; rows switched off are left out.

    Raises:
        UserError: the file is missing, or a row holds a value that cannot be used; the message names both.
    """
    path = directory / FILE_NAME
    versions = []
    for number, row in read_policy_rows(path, _COLUMNS, strip=True):
        where = f"{FILE_NAME} row {number}"
        name = row["household_rule"]
        if name not in _KEYS:
            raise UserError(f"{where}: household_rule `{name}` is none of {', '.join(_KEYS)}.")
        for column in ("needs_surname", "enabled"):
            if row[column] not in ("yes", "no"):
                raise UserError(f"{where}: {column} `{row[column]}` must be yes or no.")
        if not row["max_customers"].isdecimal():
            raise UserError(f"{where}: max_customers `{row['max_customers']}` must be a whole number.")
        rule = HouseholdRule(name, int(row["max_customers"]), row["needs_surname"] == "yes")
        valid_from = read_day(where, "valid_from", row["valid_from"])
        versions.append((name, valid_from, rule if row["enabled"] == "yes" else None))
    return tuple(rule for rule in newest_in_force(versions, as_of).values() if rule is not None)


def build_households(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, rules: tuple[HouseholdRule, ...]
) -> dict[str, int]:
    """Write `identity.households`, one row per customer of a household; return counts.

    Columns: `household_id` (made from its oldest customer's id), `customer_id`, `members`, `evidence`
    (`varchar[]`: the rules by which this customer belongs), no personal data. Reads `identity.records`,
    `identity.customer_xref`, `identity.distrusted`, `clean.phones` and temporary table `blocked_identifiers`.
    Receivers of parcels count by number only: a parcel may go to a friend's door. Groups that grow over
    `max_household_members` are no home and are left out.
    """
    shared = " union all ".join(
        f"select customer_id, surname, '{r.name}' as rule, {_KEYS[r.name]} as value from people" for r in rules
    )
    connection.execute(
        """
        create or replace temp table household_rules (rule varchar, max_customers integer, needs_surname boolean);
        create or replace temp table household_pairs (customer_id varchar, household varchar, rule varchar)
        """
    )
    if rules:
        connection.executemany(
            "insert into household_rules values (?, ?, ?)", [(r.name, r.max_customers, r.needs_surname) for r in rules]
        )
        connection.execute(
            f"""
            insert into household_pairs
            with people as (
                select
                    x.customer_id, r.source, r.surname, r.city, r.road, r.road_number, r.building, r.room,
                    r.address_key, r.phone, r.phone_period, r.email, p.kind as phone_kind
                from identity.records as r
                inner join identity.customer_xref as x on x.source = r.source and x.record_key = r.record_key
                left join (
                    select e164, any_value(kind) as kind from clean.phones where e164 is not null group by e164
                ) as p on p.e164 = r.phone
                -- A card that the till uses for everybody would make one home of all who called with it.
                where x.customer_id is not null and {DESCRIBES_ITS_OWNER}
            ),
            shared as ({shared}),
            named as (
                select
                    s.customer_id, s.rule, s.value, case when k.needs_surname then s.surname end as surname,
                    k.max_customers
                from shared as s
                inner join household_rules as k on k.rule = s.rule
                where
                    s.value is not null
                    and (not k.needs_surname or s.surname is not null)
                    and s.value not in (select value from blocked_identifiers)
            ),
            -- Most values are one customer's: what is counted and compared is what is left of them.
            few as (
                select rule, value from named group by rule, value
                having count(distinct customer_id) between 2 and any_value(max_customers)
            ),
            candidates as (
                select n.customer_id, n.rule, n.value, n.surname from named as n inner join few as f using (rule, value)
            ),
            met as (
                select rule, value, surname from candidates group by rule, value, surname
                having count(distinct customer_id) >= 2
            )
            select distinct c.customer_id, concat_ws('|', c.rule, c.value, c.surname), c.rule
            from candidates as c
            inner join met as m
                on m.rule = c.rule and m.value = c.value and m.surname is not distinct from c.surname
            """
        )
    rows = connection.execute("select household, customer_id from household_pairs order by all").fetchall()
    connection.execute("create or replace temp table household_of (customer_id varchar, household varchar)")
    group_of = _groups(rows)
    if group_of:
        connection.execute(
            "insert into household_of select unnest(?), unnest(?)", [list(group_of), list(group_of.values())]
        )
    connection.execute(
        """
        create or replace table identity.households as
        with sized as (
            select
                h.customer_id, count(*) over (partition by h.household) as members,
                first_value(h.customer_id) over (
                    partition by h.household order by c.first_seen_at, h.customer_id
                ) as oldest
            from household_of as h
            inner join identity.customers as c using (customer_id)
        )
        select
            'H' || substr(s.oldest, 2) as household_id, s.customer_id, s.members::integer as members,
            list_sort(list(distinct p.rule)) as evidence
        from sized as s
        inner join household_pairs as p using (customer_id)
        where s.members <= $most
        group by all
        order by household_id, customer_id
        """,
        {"most": int(policy.limit("max_household_members"))},
    )
    row = connection.execute(
        "select count(distinct household_id), count(*), coalesce(max(members), 0), "
        "(select count(*) from household_of) - count(*) from identity.households"
    ).fetchone()
    for table in ("household_rules", "household_pairs", "household_of"):
        connection.execute(f"drop table {table}")
    households, members, largest, left_out = row or (0, 0, 0, 0)
    return {"households": households, "members": members, "largest_household": largest, "in_too_large_groups": left_out}


def _groups(rows: list[tuple[str, str]]) -> dict[str, str]:
    """Give each customer the smallest customer id of those it is connected with over shared values."""
    root: dict[str, str] = {}

    def find(customer: str) -> str:
        while root.setdefault(customer, customer) != customer:
            root[customer] = root[root[customer]]
            customer = root[customer]
        return customer

    first_at: dict[str, str] = {}
    for household, customer in rows:
        one, other = find(first_at.setdefault(household, customer)), find(customer)
        root[max(one, other)] = min(one, other)
    return {customer: find(customer) for customer in root}
