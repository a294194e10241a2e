"""Finding one customer by id, number, mailbox or name, and what identity knows of it.

What belongs here: reading the identity tables for a person at the terminal. What does not: purchases and
segments (`marts`), and any change.
"""

from dataclasses import dataclass
from typing import Any

import duckdb

from orchestration.errors import UserError

_FIND = """
with matches as (
    select customer_id, 1 as rank from identity.customers where upper(customer_id) = upper($text)
    union all
    select customer_id, 2 from identity.id_redirects where upper(old_customer_id) = upper($text)
    union all
    select customer_id, 3 from identity.customer_xref where record_key = $text
    union all
    select x.customer_id, 4
    from identity.records as r
    inner join identity.customer_xref as x on x.source = r.source and x.record_key = r.record_key
    where
        length($digits) >= 5 and (r.phone = $text or right(r.phone, least(length($digits), 11)) = right($digits, 11))
        or r.email = lower($text)
    union all
    select x.customer_id, 5
    from identity.records as r
    inner join identity.customer_xref as x on x.source = r.source and x.record_key = r.record_key
    where r.display_name = $text or r.name = $text or lower(r.display_name) = lower($text)
    union all
    select x.customer_id, 6
    from identity.records as r
    inner join identity.customer_xref as x on x.source = r.source and x.record_key = r.record_key
    where length($text) >= 2 and length($digits) = 0 and contains(lower(r.display_name), lower($text))
)
select m.customer_id
from matches as m
inner join identity.customers as c using (customer_id)
group by m.customer_id
order by min(m.rank), min(c.first_seen_at), m.customer_id
limit $limit
"""


@dataclass(frozen=True)
class CustomerView:
    """One customer: golden record, records with the rule that linked them, links, and id changes."""

    customer: dict[str, Any]
    records: list[dict[str, Any]]
    links: list[dict[str, Any]]
    id_changes: list[dict[str, Any]]


def find_customers(connection: duckdb.DuckDBPyConnection, text: str, limit: int = 20) -> list[str]:
    """Return customer ids that `text` names, best first: id (also a merged one), source key, number, mailbox, name."""
    text = text.strip()
    if not text:
        return []
    digits = "".join(c for c in text if c.isdigit()) if all(c.isdigit() or c in "+-() " for c in text) else ""
    rows = connection.execute(_FIND, {"text": text, "digits": digits, "limit": limit}).fetchall()
    return [row[0] for row in rows]


def current_id(connection: duckdb.DuckDBPyConnection, customer_id: str) -> str | None:
    """Return the customer that an id given at any time stands for now; None where nothing of it is left.

    Raises:
        UserError: no customer ever had this id.
    """
    row = connection.execute(
        """
        select customer_id from identity.customers where upper(customer_id) = upper($id)
        union all
        select customer_id from identity.id_redirects where upper(old_customer_id) = upper($id)
        """,
        {"id": customer_id.strip()},
    ).fetchone()
    if row is None:
        raise UserError(f"No customer has or had the id {customer_id}: look for it by number or name.")
    found: str | None = row[0]
    return found


def customer_view(connection: duckdb.DuckDBPyConnection, customer_id: str) -> CustomerView:
    """Return what identity knows of one customer; values are unmasked, for a terminal only.

    Raises:
        UserError: there is no such customer now.
    """
    customers = _dicts(connection, "select * from identity.customers where customer_id = $id", customer_id)
    if not customers:
        raise UserError(f"There is no customer {customer_id}: look for it by number or name, or run `c360 refresh`.")
    records = _dicts(
        connection,
        """
        select
            x.source, x.record_key, x.matched_by, x.confidence, x.since, r.name, r.phone, r.email, r.birthday, r.city,
            r.first_seen_at, r.occurrences, r.inferred
        from identity.customer_xref as x
        inner join identity.records as r on r.source = x.source and r.record_key = x.record_key
        where x.customer_id = $id
        order by r.record_id
        """,
        customer_id,
    )
    links = _dicts(
        connection,
        """
        select k.*
        from identity.links as k
        inner join identity.customer_xref as x on x.source = k.left_source and x.record_key = k.left_record_key
        where x.customer_id = $id
        order by k.match_probability desc, k.left_record_key, k.right_record_key
        """,
        customer_id,
    )
    changes = _dicts(
        connection,
        "select * from identity.id_history where $id in (old_customer_id, new_customer_id) order by changed_on",
        customer_id,
    )
    return CustomerView(customers[0], records, links, changes)


def _dicts(connection: duckdb.DuckDBPyConnection, query: str, customer_id: str) -> list[dict[str, Any]]:
    result = connection.execute(query, {"id": customer_id})
    names = [d[0] for d in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
