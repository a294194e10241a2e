"""One customer for a person: found by id, number or name, shown as BI may see it.

What belongs here: joining what identity finds with what was published, as data. What does not: printing (`cli.py`) and
pages (`explorer/`).
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
    "select audience, channel, due_at, reason, arm, contact_status from marts.audience_members "
    "where customer_id = $id order by due_at, audience"
)
_CONTACTS = (
    "select planned_on, channel, audience, owner, due_at, is_late, reason from marts.contact_plan "
    "where customer_id = $id order by planned_on, priority desc, audience"
)
_HISTORY = "select * exclude (customer_id) from marts.customer_history where customer_id = $id order by month_end"
_RECORDS = (
    "select source, record_key, matched_by, confidence from identity.customer_xref where customer_id = $id order by all"
)
# What happened is told by a kind and its details, both codes: whoever shows them brings the words.
_TIMELINE = """
with purchases as (
    select
        min(purchased_at) as happened_at, channel, any_value(order_id) as order_id, count(*) as lines,
        sum(net_amount) as net
    from marts.fct_sales where customer_id = $id group by order_key, channel
),
visited as (
    select
        coalesce(channel, 'online') as channel, event_type, min(occurred_at) as happened_at, count(*) as times
    from marts.fct_events where customer_id = $id
    group by channel, event_type, cast(occurred_at as date)
),
visits as (
    select
        min(happened_at) as happened_at, channel,
        map_from_entries(list((event_type, cast(times as varchar)) order by event_type)) as details
    from visited
    group by channel, cast(happened_at as date)
),
moments as (
    select
        happened_at, channel, case when net > 0 then 'purchase' when net < 0 then 'return' else 'no_sale' end as kind,
        map {'order': order_id, 'lines': cast(lines as varchar), 'net': cast(cast(net as decimal(18, 2)) as varchar)}
            as details
    from purchases
    union all
    select happened_at, channel, 'visit', details from visits
    union all
    select
        opened_at, channel, 'case_opened',
        map {'case': case_id, 'case_type': case_type, 'topic': topic, 'status': if(is_open, 'open', 'closed')}
    from marts.fct_cases where customer_id = $id
    union all
    select resolved_at, channel, 'case_resolved', map {'case': case_id, 'topic': topic}
    from marts.fct_cases where customer_id = $id and resolved_at is not null
    union all
    select responded_at, 'survey', 'survey', map {'nps': cast(nps as varchar), 'csat': cast(csat as varchar)}
    from marts.fct_surveys where customer_id = $id
    union all
    select
        sent_at, channel, 'outreach',
        map {
            'campaign': campaign_id, 'arm': arm,
            'outcome': case
                when responded_at is not null then 'answered'
                when clicked_at is not null then 'clicked'
                when opened_at is not null then 'opened'
            end
        }
    from marts.fct_outreach where customer_id = $id
    union all
    select
        cast(since as timestamp), 'tier', 'tier', map {'scheme': scheme, 'previous_tier': previous_tier, 'tier': tier}
    from marts.customer_segments where customer_id = $id and since is not null and previous_tier is not null
    union all
    select
        cast(since as timestamp), 'tier', 'tier',
        map {'scheme': 'lifecycle_stage', 'previous_tier': previous_stage, 'tier': stage}
    from marts.customer_lifecycle where customer_id = $id and since is not null and previous_stage is not null
)
select happened_at, channel, kind, details from moments
order by happened_at desc, kind, cast(details as varchar)
limit $limit
"""

# What a person may know of somebody whose number and name are masked: ids, keys, and the masked name.
_FIND_PUBLISHED = """
with matches as (
    select customer_id, 1 as rank from marts.customer_360 where upper(customer_id) = upper($text)
    union all
    select customer_id, 2 from identity.id_redirects where upper(old_customer_id) = upper($text)
    union all
    select customer_id, 3 from identity.customer_xref where record_key = $text
    union all
    select customer_id, 4 from marts.customer_360 where display_name = $text or salutation = $text
    union all
    select customer_id, 5 from marts.customer_360 where masked_phone = $text or masked_email = lower($text)
    union all
    select customer_id, 6 from marts.customer_360 where length($text) >= 2 and starts_with(display_name, $text)
)
select m.customer_id
from matches as m
inner join marts.customer_360 as c using (customer_id)
group by m.customer_id
order by min(m.rank), max(c.net_revenue_12m) desc nulls last, m.customer_id
limit $limit
"""


@dataclass(frozen=True)
class PublishedCustomer:
    """One customer as published: nothing here is unmasked.

    `profile` is the row of `marts.customer_360` by section, without its empty columns. The rest are rows with their
    column names: `segments` (scheme, tier, since, previous tier, deciding rule), `tags`, `audiences` (what is due, and
    whether it is planned), `contacts` (what is planned), `records` (source, key, rule, confidence), `history` (month
    end and the tier of each scheme, oldest first) and `timeline` (time, channel, kind, details), newest first.
    """

    customer_id: str
    profile: dict[str, Row]
    segments: list[Row]
    tags: list[Row]
    audiences: list[Row]
    contacts: list[Row]
    records: list[Row]
    history: list[Row]
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


def find_published(published: duckdb.DuckDBPyConnection, text: str, limit: int = 20) -> list[str]:
    """Return ids of published customers that `text` names, best first, by nothing that masking hides.

    Id (also a merged one), source key, masked name (`张*`, `张先生`), masked phone and mailbox, and the beginning of
    the masked name.
    """
    if not text.strip():
        return []
    rows = published.execute(_FIND_PUBLISHED, {"text": text.strip(), "limit": limit}).fetchall()
    return [row[0] for row in rows]


def view_customer(published: duckdb.DuckDBPyConnection, customer_id: str, events: int) -> PublishedCustomer | None:
    """Read one customer from a published file; None where it holds no such customer."""
    rows = database.records(published, "select * from marts.customer_360 where customer_id = $id", {"id": customer_id})
    if not rows:
        return None
    one: Row = {"id": customer_id}

    def of_activation(table: str, sql: str) -> list[Row]:
        return database.records(published, sql, one) if database.table_exists(published, "marts", table) else []

    return PublishedCustomer(
        customer_id=customer_id,
        profile=_by_section(rows[0]),
        segments=database.records(published, _SEGMENTS, one),
        tags=database.records(published, _TAGS, one),
        audiences=of_activation("audience_members", _AUDIENCES),
        contacts=of_activation("contact_plan", _CONTACTS),
        records=database.records(published, _RECORDS, one),
        history=database.records(published, _HISTORY, one),
        timeline=database.records(published, _TIMELINE, {**one, "limit": events}),
    )


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
