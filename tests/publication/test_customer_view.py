"""What a page or a terminal shows of one customer, on a small published file."""

from collections.abc import Iterator

import duckdb
import pytest

from orchestration.publication.customer_view import find_published, view_customer

IDENTITY = """
create schema identity;
create table identity.id_redirects (old_customer_id varchar, customer_id varchar);
create table identity.customer_xref (
    source varchar, record_key varchar, customer_id varchar, matched_by varchar, confidence double
);
"""
PEOPLE = """
insert into marts.customer_360 by name
select * from (values
    ('C1', '张*', '张先生', '138****0001', 'z***@example.cn', 900.0),
    ('C2', '张*', '张女士', '138****0002', null, 100.0),
    ('C3', '欧阳*', null, null, null, null)
) as c(customer_id, display_name, salutation, masked_phone, masked_email, net_revenue_12m);
insert into identity.id_redirects values ('C0', 'C2');
insert into identity.customer_xref values ('pos.members', 'M7', 'C3', 'member_id', 1.0);
insert into marts.fct_sales by name
select 'C1' as customer_id, order_key, order_id, net_amount, purchased_at, 'store' as channel
from (values
    ('o1', 'T1', 80.0, '2026-06-01 10:00'::timestamp), ('o1', 'T1', 20.5, '2026-06-01 10:00'::timestamp),
    ('o2', 'T2', -20.5, '2026-06-03 10:00'::timestamp)
) as s(order_key, order_id, net_amount, purchased_at);
insert into marts.fct_events by name
select 'C1' as customer_id, 'app' as channel, event_type, occurred_at
from (values
    ('view', '2026-06-02 09:00'::timestamp), ('view', '2026-06-02 21:00'::timestamp),
    ('login', '2026-06-02 08:00'::timestamp)
) as e(event_type, occurred_at);
insert into marts.customer_segments by name
select
    'C1' as customer_id, 'spend_tier' as scheme, 'gold' as tier, 'silver' as previous_tier, '2026-06-04'::date as since;
insert into marts.contact_plan by name
select 'C1' as customer_id, 'monthly_mail' as audience, 'email' as channel, '2026-07-01'::date as planned_on;
"""


@pytest.fixture
def published(declared_marts: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A published file with three people."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(declared_marts + IDENTITY + PEOPLE)
        yield connection


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("c1", ["C1"]),
        ("C0", ["C2"]),
        ("M7", ["C3"]),
        ("张*", ["C1", "C2"]),
        ("张女士", ["C2"]),
        ("138****0001", ["C1"]),
        ("Z***@example.cn", ["C1"]),
        ("欧阳", ["C3"]),
        ("13800000001", []),
        ("张伟", []),
        ("%", []),
        ("  ", []),
    ],
)
def test_a_published_customer_is_found_by_what_masking_leaves(
    published: duckdb.DuckDBPyConnection, text: str, found: list[str]
) -> None:
    assert find_published(published, text) == found


def test_the_timeline_tells_kinds_and_details_newest_first(published: duckdb.DuckDBPyConnection) -> None:
    view = view_customer(published, "C1", events=10)
    assert view is not None
    assert [(row["kind"], row["channel"], row["details"]) for row in view.timeline] == [
        ("tier", "tier", {"scheme": "spend_tier", "previous_tier": "silver", "tier": "gold"}),
        ("return", "store", {"order": "T2", "lines": "1", "net": "-20.50"}),
        ("visit", "app", {"login": "1", "view": "2"}),
        ("purchase", "store", {"order": "T1", "lines": "2", "net": "100.50"}),
    ]
    assert [row["audience"] for row in view.contacts] == ["monthly_mail"]


def test_a_customer_that_is_not_published_is_none(published: duckdb.DuckDBPyConnection) -> None:
    assert view_customer(published, "C9", events=10) is None
