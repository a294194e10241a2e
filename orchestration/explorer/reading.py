"""What the explorer reads of a published version, and what a role may find in it.

What belongs here: roles, looking customers up, labels of tiers, audiences and their members, as data. What does not:
how anything is shown (`app.py`, `markup.py`, `charts.py`); one customer's view (`publication/customer_view.py`); files
that go out (`publication/export.py`).

Everything is read from the published file. Only a role that sees contact data (policy `export_roles`) looks numbers and
names up in the working database, while no run works on it.
"""

from dataclasses import dataclass
from itertools import pairwise

from orchestration import database
from orchestration.errors import WarehouseBusyError
from orchestration.identity.lookup import find_customers
from orchestration.publication.customer_view import Row, find_published
from orchestration.publication.export import ROLES_FILE, Export, Format, export_audience, sees_contact_data
from orchestration.publication.versions import Version
from orchestration.run_lock import RunLock
from orchestration.settings import Settings

_FOUND = """
select customer_id, display_name, salutation, masked_phone, city, official_tier, last_purchase_on
from marts.customer_360 where customer_id in (select unnest($ids)) order by list_position($ids, customer_id)
"""
_EXAMPLES = """
select customer_id from marts.customer_360
order by record_count * (1 + least(orders, 20)) * (1 + least(cases, 5)) desc, customer_id limit 6
"""
# Of the tiers of a scheme, who spends most stands first.
_TIERS = """
select scheme, tier, max(label_zh) as label_zh, bool_or(is_official) as is_official
from marts.customer_segments group by all order by scheme, avg(window_spend) desc, tier
"""
_AUDIENCES = """
select
    audience, count(*) as members, count(*) filter (where arm = 'control') as held_out,
    count(*) filter (where contact_status = 'planned') as planned,
    count(*) filter (where may_contact) as may_contact
from marts.audience_members group by audience order by members desc, audience
"""
_MEMBERS = """
select
    members.customer_id, profiles.display_name, members.entered_on, members.due_at, members.channel, members.arm,
    members.contact_status, members.planned_on, members.owner, members.reason
from marts.audience_members as members
left join marts.customer_360 as profiles using (customer_id)
where members.audience = $audience and ($status is null or members.contact_status = $status)
order by members.priority desc, members.due_at, members.customer_id
limit $limit
"""


@dataclass(frozen=True)
class Role:
    """Who looks: a role of policy `export_roles`."""

    name: str
    sees_contact_data: bool


@dataclass(frozen=True)
class Found:
    """Customers that a text names, best first; `is_partial`: a run kept numbers and full names shut."""

    customers: list[Row]
    is_partial: bool = False


@dataclass(frozen=True)
class Tiers:
    """The tiers of every scheme: Chinese names by scheme and tier, order (most spending first), the official scheme."""

    labels: dict[tuple[str, str], str]
    order: dict[str, list[str]]
    official: str | None


def role_named(settings: Settings, name: str, version: Version) -> Role:
    """The role of this name, as policy has it on the day of the version.

    Raises:
        UserError: no row in force names the role.
    """
    return Role(name, sees_contact_data(settings.policy_dir / ROLES_FILE, name, version.manifest.as_of))


def find(settings: Settings, version: Version, role: Role, text: str) -> Found:
    """Find customers by id, record key or masked name, and where the role may, by number, mailbox or full name."""
    ids: list[str] = []
    is_partial = False
    if role.sees_contact_data and text.strip():
        try:
            # The lock keeps a run from starting meanwhile, which a reader of the working database would stop.
            with RunLock(settings), database.connect(settings, read_only=True) as working:
                ids = find_customers(working, text)
        except WarehouseBusyError:
            is_partial = True
    with database.connect_file(version.file) as published:
        ids = list(dict.fromkeys([*ids, *find_published(published, text)]))
        return Found(database.records(published, _FOUND, {"ids": ids}) if ids else [], is_partial)


def examples(version: Version) -> list[Row]:
    """A few customers with much on record, as a list shows them: somewhere to start."""
    with database.connect_file(version.file) as published:
        ids = [row[0] for row in published.execute(_EXAMPLES).fetchall()]
        return database.records(published, _FOUND, {"ids": ids}) if ids else []


def tiers(version: Version) -> Tiers:
    """Names and order of the tiers of a version."""
    with database.connect_file(version.file) as published:
        rows = database.records(published, _TIERS, {})
    order: dict[str, list[str]] = {}
    for row in rows:
        order.setdefault(str(row["scheme"]), []).append(str(row["tier"]))
    return Tiers(
        labels={(str(row["scheme"]), str(row["tier"])): str(row["label_zh"]) for row in rows if row["label_zh"]},
        order=order,
        official=next((str(row["scheme"]) for row in rows if row["is_official"]), None),
    )


def audiences(version: Version) -> list[Row]:
    """Audience, members, held out, planned, may be contacted; the largest first. Empty without audiences."""
    with database.connect_file(version.file) as published:
        if not database.table_exists(published, "marts", "audience_members"):
            return []
        return database.records(published, _AUDIENCES, {})


def members(version: Version, audience: str, status: str | None, limit: int) -> list[Row]:
    """The first members of an audience by priority; of one contact status, or of every one (None)."""
    with database.connect_file(version.file) as published:
        return database.records(published, _MEMBERS, {"audience": audience, "status": status, "limit": limit})


def contact_statuses(version: Version, audience: str) -> list[str]:
    """The contact statuses of the members of an audience, the most frequent first."""
    with database.connect_file(version.file) as published:
        rows = published.execute(
            "select contact_status from marts.audience_members where audience = ? "
            "group by all order by count(*) desc, contact_status",
            [audience],
        ).fetchall()
    return [row[0] for row in rows]


def export(settings: Settings, version: Version, role: Role, audience: str, file_format: Format) -> Export:
    """Write the audience as `c360 export` does.

    Raises:
        UserError: as `export_audience`; WarehouseBusyError while a run works and the role sees contact data.
    """
    if not role.sees_contact_data:
        return export_audience(settings, version, audience, file_format=file_format, role=role.name)
    with RunLock(settings):
        return export_audience(settings, version, audience, file_format=file_format, role=role.name)


def tier_changes(history: list[Row], schemes: dict[str, str]) -> list[Row]:
    """Month ends at which a tier was another than at the one before, newest first.

    Args:
        history: Rows of `marts.customer_history` of one customer, oldest first.
        schemes: Column of the history to the name of its scheme.

    Returns:
        Rows of month_end, scheme, previous_tier, tier.
    """
    changes: list[Row] = [
        {"month_end": after["month_end"], "scheme": scheme, "previous_tier": before[column], "tier": after[column]}
        for before, after in pairwise(history)
        for column, scheme in schemes.items()
        if before[column] is not None and after[column] is not None and before[column] != after[column]
    ]
    return changes[::-1]
