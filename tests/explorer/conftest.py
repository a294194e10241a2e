"""A published version with three people and one audience, and the working database beside it."""

import pytest

from orchestration import database
from orchestration.publication.versions import Version, switch_to
from orchestration.settings import Settings
from tests.published_versions import lay_down

PUBLISHED = """
create schema identity;
create table identity.id_redirects (old_customer_id varchar, customer_id varchar);
create table identity.customer_xref (source varchar, record_key varchar, customer_id varchar);
insert into marts.customer_360 by name
select * from (values
    ('C1', '张*', '138****0001', 9, 3, 1), ('C2', '李*', '138****0002', 2, 1, 0), ('C3', '<b>王</b>', null, 1, 0, 0)
) as c(customer_id, display_name, masked_phone, record_count, orders, cases);
insert into marts.customer_segments by name
select * from (values
    ('C1', 'spend_tier', 'gold', '黄金', true, 20000), ('C2', 'spend_tier', 'diamond', '钻石', true, 90000),
    ('C3', 'spend_tier', 'silver', '白银', true, 10), ('C1', 'rfm', 'loyal', '忠诚', false, 20000)
) as s(customer_id, scheme, tier, label_zh, is_official, window_spend);
insert into marts.audience_members by name
select 'cart_reminder' as audience, * from (values
    ('C1', 'treatment', 'planned', true, 70), ('C2', 'control', 'held_out', false, 80),
    ('C3', 'treatment', 'planned', true, 60)
) as m(customer_id, arm, contact_status, may_contact, priority);
"""
WORKING = """
create table identity.customers as
select customer_id, timestamp '2026-01-01' as first_seen_at, '张伟' as name, '+8613800000001' as phone,
    'zhang@example.cn' as email, true as marketing_consent
from (values ('C1')) as c(customer_id);
create table identity.id_redirects (old_customer_id varchar, customer_id varchar);
create table identity.customer_xref as select 'pos.members' as source, 'M1' as record_key, 'C1' as customer_id;
create table identity.records as
select 'pos.members' as source, 'M1' as record_key, '+8613800000001' as phone, 'zhang@example.cn' as email,
    '张伟' as name, '张伟' as display_name;
"""


@pytest.fixture
def version(own_settings: Settings, declared_marts: str) -> Version:
    version = lay_down(own_settings, declared_marts + PUBLISHED)
    switch_to(own_settings, version)
    with database.connect(own_settings) as working:
        working.execute(WORKING)
    return version
