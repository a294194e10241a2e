"""Finding customers by id, number, mailbox or name.

What belongs here: which customers a text names. What does not: what is shown of them
(`orchestration/publication/customer_view.py`), and why records are one (`explain.py`).
"""

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
