"""One customer for a person at the terminal: found by id, number or name, shown as BI may see it.

What belongs here: joining what identity finds with what was published. What does not: printing (`cli.py`).
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from orchestration import database
from orchestration.identity.lookup import find_customers
from orchestration.publication.versions import Version

_TIMELINE = """
with events as (
    select
        min(purchased_at) as happened_at, channel,
        concat('purchase ', any_value(order_id), ', ', count(*), ' lines, net ', sum(net_amount)) as what
    from marts.fct_sales where customer_id = $id group by order_key, channel
    union all
    select opened_at, channel, concat_ws(' ', 'case', case_id, case_type, topic, if(is_open, 'open', 'closed'))
    from marts.fct_cases where customer_id = $id
    union all
    select responded_at, 'survey', concat_ws(', ', 'NPS ' || cast(nps as varchar), 'CSAT ' || cast(csat as varchar))
    from marts.fct_surveys where customer_id = $id
    union all
    select sent_at, channel, concat_ws(' ', 'outreach', campaign_id, arm, if(responded_at is null, null, 'answered'))
    from marts.fct_outreach where customer_id = $id
)
select happened_at, channel, what from events order by happened_at desc, what limit $limit
"""


@dataclass(frozen=True)
class PublishedCustomer:
    """One customer as published: nothing here is unmasked.

    `profile` is the row of `marts.customer_360` without its empty columns, `records` are source, key,
    rule and confidence, `timeline` is time, channel and what happened, newest first.
    """

    customer_id: str
    profile: dict[str, object]
    records: list[tuple[str, str, str, float]]
    timeline: list[tuple[datetime, str, str]]


def find_and_view(
    working: duckdb.DuckDBPyConnection, version: Version, text: str, events: int
) -> list[PublishedCustomer]:
    """Find the customers that `text` names (id, number, name) and read each from the published file.

    Args:
        working: The working database, which alone knows numbers and names.
        version: The published version to read.
        text: Id, phone, mailbox or name.
        events: How many events of the timeline to show.

    Returns:
        Best match first; a customer that is not published yet is left out.
    """
    wanted = find_customers(working, text)
    with database.connect_file(version.file) as published:
        views = (_view(published, customer_id, events) for customer_id in wanted)
        return [view for view in views if view is not None]


def _view(published: duckdb.DuckDBPyConnection, customer_id: str, events: int) -> PublishedCustomer | None:
    result = published.execute("select * from marts.customer_360 where customer_id = ?", [customer_id])
    names = [column[0] for column in result.description or []]
    row = result.fetchone()
    if row is None:
        return None
    records = published.execute(
        "select source, record_key, matched_by, confidence from identity.customer_xref "
        "where customer_id = ? order by all",
        [customer_id],
    ).fetchall()
    timeline = published.execute(_TIMELINE, {"id": customer_id, "limit": events}).fetchall()
    profile = {name: value for name, value in zip(names, row, strict=True) if value not in (None, [])}
    return PublishedCustomer(customer_id, profile, records, timeline)
