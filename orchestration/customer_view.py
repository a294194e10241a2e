"""One customer for a person at the terminal: found by id, number or name, shown as BI may see it.

What belongs here: joining what identity finds with what was published, as data. What does not: printing (`cli.py`).
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal

import duckdb

from orchestration import database
from orchestration.identity.lookup import find_customers
from orchestration.publication.versions import Version

Row = dict[str, object]

# Each section of the profile begins at this column of marts.customer_360, whose columns stand by topic.
_SECTIONS = (
    ("person", "customer_id"),
    ("known to", "is_member"),
    ("purchases", "first_purchase_on"),
    ("habits", "purchase_cycle_days"),
    ("contact", "preferred_contact_channel"),
    ("service", "cases"),
    ("segments", "official_tier"),
    ("value", "p_alive"),
    ("profile", "as_of"),
)

_SEGMENTS = """
select scheme, tier, since, previous_tier, decided_by from marts.customer_segments where customer_id = $id
union all
select 'lifecycle_stage', stage, since, previous_stage, decided_by from marts.customer_lifecycle where customer_id = $id
order by all
"""
_TAGS = "select tag, tag_group, label_zh from marts.customer_tags where customer_id = $id order by tag_group, tag"
_AUDIENCES = (
    "select audience, channel, due_at, reason from marts.audience_members "
    "where customer_id = $id order by due_at, audience"
)
_RECORDS = (
    "select source, record_key, matched_by, confidence from identity.customer_xref where customer_id = $id order by all"
)
_TIMELINE = """
with moments as (
    select
        min(purchased_at) as happened_at, channel,
        concat(
            if(sum(net_amount) < 0, 'return ', 'purchase '), any_value(order_id), ', ', count(*), ' lines, net ',
            sum(net_amount)
        ) as what
    from marts.fct_sales where customer_id = $id group by order_key, channel
    union all
    select
        min(occurred_at), coalesce(channel, 'online'),
        'visit: ' || string_agg(event_type || if(times > 1, ' x' || times::varchar, ''), ', ' order by event_type)
    from (
        select channel, event_type, min(occurred_at) as occurred_at, count(*) as times
        from marts.fct_events where customer_id = $id
        group by channel, event_type, cast(occurred_at as date)
    )
    group by channel, cast(occurred_at as date)
    union all
    select opened_at, channel, concat_ws(' ', 'case', case_id, case_type, topic, if(is_open, 'open', 'closed'))
    from marts.fct_cases where customer_id = $id
    union all
    select resolved_at, channel, concat_ws(' ', 'case', case_id, 'resolved')
    from marts.fct_cases where customer_id = $id and resolved_at is not null
    union all
    select
        responded_at, 'survey',
        concat_ws(', ', 'survey', 'NPS ' || cast(nps as varchar), 'CSAT ' || cast(csat as varchar))
    from marts.fct_surveys where customer_id = $id
    union all
    select
        sent_at, channel,
        concat_ws(
            ' ', 'outreach', campaign_id, arm,
            case
                when responded_at is not null then 'answered'
                when clicked_at is not null then 'clicked'
                when opened_at is not null then 'opened'
            end
        )
    from marts.fct_outreach where customer_id = $id
    union all
    select cast(since as timestamp), 'tier', concat_ws(' ', scheme || ':', previous_tier, '→', tier)
    from marts.customer_segments where customer_id = $id and since is not null and previous_tier is not null
    union all
    select cast(since as timestamp), 'tier', concat_ws(' ', 'lifecycle:', previous_stage, '→', stage)
    from marts.customer_lifecycle where customer_id = $id and since is not null and previous_stage is not null
)
select happened_at, channel, what from moments order by happened_at desc, what limit $limit
"""


@dataclass(frozen=True)
class PublishedCustomer:
    """One customer as published: nothing here is unmasked.

    `profile` is the row of `marts.customer_360` by section, without its empty columns. The rest are rows with their
    column names: `segments` (scheme, tier, since, previous tier, deciding rule), `tags`, `audiences` (what is due),
    `records` (source, key, rule, confidence) and `timeline` (time, channel, what happened), newest first.
    """

    customer_id: str
    profile: dict[str, Row]
    segments: list[Row]
    tags: list[Row]
    audiences: list[Row]
    records: list[Row]
    timeline: list[Row]

    def as_data(self) -> Row:
        """The same as plain values that JSON knows: numbers, texts, lists; days and times in ISO 8601."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def find_and_view(
    working: duckdb.DuckDBPyConnection, version: Version, text: str, events: int
) -> list[PublishedCustomer]:
    """Find the customers that `text` names (id, number, name) and read each from the published file.

    Args:
        working: The working database, which alone knows numbers and names.
        version: The published version to read.
        text: Id, phone, mailbox or name.
        events: How many moments of the timeline to show.

    Returns:
        Best match first; a customer that is not published yet is left out.
    """
    wanted = find_customers(working, text)
    with database.connect_file(version.file) as published:
        views = (view_customer(published, customer_id, events) for customer_id in wanted)
        return [view for view in views if view is not None]


def view_customer(published: duckdb.DuckDBPyConnection, customer_id: str, events: int) -> PublishedCustomer | None:
    """Read one customer from a published file; None where it holds no such customer."""
    rows = _rows(published, "select * from marts.customer_360 where customer_id = $id", {"id": customer_id})
    if not rows:
        return None
    one: Row = {"id": customer_id}
    audiences = _AUDIENCES if database.table_exists(published, "marts", "audience_members") else None
    return PublishedCustomer(
        customer_id=customer_id,
        profile=_by_section(rows[0]),
        segments=_rows(published, _SEGMENTS, one),
        tags=_rows(published, _TAGS, one),
        audiences=_rows(published, audiences, one) if audiences else [],
        records=_rows(published, _RECORDS, one),
        timeline=_rows(published, _TIMELINE, {**one, "limit": events}),
    )


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Row) -> list[Row]:
    result = connection.execute(sql, parameters)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _by_section(profile: Row) -> dict[str, Row]:
    """The columns that hold something, under the section they stand in."""
    begins = {column: section for section, column in _SECTIONS}
    sections: dict[str, Row] = {}
    section = _SECTIONS[0][0]
    for column, value in profile.items():
        section = begins.get(column, section)
        if value not in (None, []):
            sections.setdefault(section, {})[column] = value
    return sections


def _plain(value: object) -> object:
    """A value as JSON knows it."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
