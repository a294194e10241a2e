-- Two customers from one member, one account, one case and one guest order: every table that gates and publication read.
create schema if not exists raw; create schema if not exists clean; create schema if not exists identity;
create schema if not exists marts; create schema if not exists quality; create schema if not exists staging;
create schema if not exists intermediate;

create table raw.files as
select source, dataset, date '2026-06-29' as delivery_date, source || '/2026-06-29/' || dataset || '.csv' as file,
       'ab12' as sha256, 100 as bytes, 'csv' as format, 'utf-8' as encoding, rows, 'read' as status,
       null::varchar as reason, null::varchar as message, timestamp '2026-06-30 02:00:00' as ingested_at, amount
from (values
    ('pos', 'members', 2, null::decimal(38, 4)), ('pos', 'sales', 1, 100), ('ecommerce', 'customers', 1, null),
    ('ecommerce', 'orders', 1, 50), ('call_center', 'cases', 1, null)
) as f(source, dataset, rows, amount);

create table raw.pos_members as
select * from (values ('M1', date '2026-06-29'), (null, date '2026-06-29')) as r(member_id, _delivery_date);
create table raw.pos_sales as select 'T1' as ticket_id, '¥100.00' as amount, date '2026-06-29' as _delivery_date;
create table raw.ecommerce_customers as select 'A1' as account_id, date '2026-06-29' as _delivery_date;
create table raw.ecommerce_orders as select 'O1' as order_id, '50' as amount, date '2026-06-29' as _delivery_date;
create table raw.ecommerce_events (event_id varchar, _delivery_date date);
create table raw.call_center_cases as select 'C1' as case_id, date '2026-06-29' as _delivery_date;
create table raw.call_center_surveys (survey_id varchar, _delivery_date date);
create table raw.call_center_outreach (contact_id varchar, _delivery_date date);

create table clean.pos_members as
select 'M1' as record_key, 'M1' as member_id, '13812345678' as phone, date '2026-06-29' as _delivery_date;
create table clean.pos_sales as
select 'T1|1' as record_key, 'T1' as ticket_id, 1::bigint as line_no, 'M1' as member_id,
       timestamp '2026-06-28 10:00:00' as sold_at, 100.00::decimal(18, 4) as amount, date '2026-06-29' as _delivery_date;
create table clean.ecommerce_customers as select 'A1' as record_key, 'A1' as account_id, date '2026-06-29' as _delivery_date;
create table clean.ecommerce_orders as
select 'O1|1' as record_key, 'O1' as order_id, 1::bigint as line_no, null::varchar as account_id,
       timestamp '2026-06-29 10:00:00' as ordered_at, 50.00::decimal(18, 4) as amount, date '2026-06-29' as _delivery_date;
create table clean.ecommerce_events (event_id varchar, occurred_at timestamp, _delivery_date date);
create table clean.call_center_cases as
select 'C1' as record_key, 'C1' as case_id, timestamp '2026-06-29 11:00:00' as opened_at, date '2026-06-29' as _delivery_date;
create table clean.call_center_surveys (survey_id varchar, responded_at timestamp, _delivery_date date);
create table clean.call_center_outreach (contact_id varchar, sent_at timestamp, _delivery_date date);

create view staging.stg_pos__members as select *, _delivery_date as delivered_on from clean.pos_members;
create view staging.stg_pos__sales as select *, _delivery_date as delivered_on from clean.pos_sales;
create view staging.stg_ecommerce__customers as select *, _delivery_date as delivered_on from clean.ecommerce_customers;
create view staging.stg_ecommerce__orders as select *, _delivery_date as delivered_on from clean.ecommerce_orders;
create view staging.stg_ecommerce__events as select *, _delivery_date as delivered_on from clean.ecommerce_events;
create view staging.stg_call_center__cases as select *, _delivery_date as delivered_on from clean.call_center_cases;
create view staging.stg_call_center__surveys as select *, _delivery_date as delivered_on from clean.call_center_surveys;
create view staging.stg_call_center__outreach as select *, _delivery_date as delivered_on from clean.call_center_outreach;

create table identity.customer_xref as
select * from (values
    ('pos.members', 'M1', 'c1', 'member_id', 1.0::double, date '2026-06-29'),
    ('ecommerce.customers', 'A1', 'c2', 'account_id', 1.0, date '2026-06-29'),
    ('call_center.cases', 'C1', 'c1', 'phone', 0.99, date '2026-06-29'),
    ('ecommerce.orders', 'O1', null, 'unlinked', null, date '2026-06-29')
) as x(source, record_key, customer_id, matched_by, confidence, since);
create table clean.names as
select * from (values ('张伟', '张伟', '张', '伟'), ('李娜', '李娜', '李', '娜')) as n(value, display_name, surname, given_name);
create table identity.customers as
select * from (values
    ('c1', '张伟', '张*', '张先生', '13812345678', 1, 0, timestamp '2026-06-01 10:00:00'),
    ('c2', '李娜', '李*', '李女士', null, 0, 1, null)
) as c(customer_id, name, masked_name, salutation, phone, member_count, account_count, first_seen_at);
create table identity.records as select 'pos.members' as source, 'M1' as record_key, '13812345678' as phone;
create table identity.links as
select 'pos.members' as left_source, 'M1' as left_record_key, 'call_center.cases' as right_source, 'C1' as right_record_key,
       'phone' as rule, 12.5::double as match_weight, 0.99::double as match_probability, map {'phone': 'exact'} as evidence;
create table identity.id_history (old_customer_id varchar, new_customer_id varchar, change varchar, changed_on date, reason varchar);
create table identity.id_redirects as select 'c0' as old_customer_id, 'c1' as customer_id, date '2026-06-20' as changed_on;
create table identity.id_stability as
select date '2026-06-30' as as_of, 2 as ids_before, 0 as ids_changed, 0.0 as changed_share, 0.05 as allowed_share, false as held;
create table identity.decisions as
select 2 as row_number, 'pos.members' as left_source, 'M1' as left_record_key, 'ecommerce.customers' as right_source,
       'A1' as right_record_key, 'different' as decision, 'bound' as status;
create table identity.households as
select * from (values ('h1', 'c1', ['same_door']), ('h1', 'c2', ['same_door'])) as h(household_id, customer_id, evidence);
create table identity.review_queue (left_source varchar, left_record_key varchar, right_source varchar,
    right_record_key varchar, match_weight double, match_probability double, agree varchar[], differ varchar[]);

create table quality.deliveries as
select source, dataset, date '2026-06-29' as delivery_date, 1 as files, 0 as files_quarantined,
       loaded + bad as rows_received, loaded as rows_loaded, 0 as rows_superseded, 0 as rows_repeated, bad as rows_quarantined,
       amount::decimal(38, 4) as amount_received, amount::decimal(38, 4) as amount_loaded,
       0::decimal(38, 4) as amount_superseded, 0::decimal(38, 4) as amount_repeated, 0::decimal(38, 4) as amount_quarantined
from (values
    ('pos', 'members', 1, 1, 0), ('pos', 'sales', 1, 0, 100), ('ecommerce', 'customers', 1, 0, 0),
    ('ecommerce', 'orders', 1, 0, 50), ('call_center', 'cases', 1, 0, 0)
) as d(source, dataset, loaded, bad, amount);
create table quality.quarantine as
select 'pos' as source, 'members' as dataset, date '2026-06-29' as delivery_date, 'pos/2026-06-29/members.csv' as file,
       3::bigint as line_number, 'row' as level, ['missing_value:member_id'] as reasons,
       map {'phone': '13912345678'} as row_content, 0::decimal(38, 4) as amount, 'open' as status,
       null::varchar as resolution, 'abc123abc123' as entry_id, 'ab12' as file_sha256, true as counted;

create table quality.drift as
select 'pos' as source, 'sales' as dataset, date '2026-06-29' as delivery_date, 'volume' as finding, 10 as rows,
       'ignored' as severity, true as is_newest,
       'pos/sales delivered 2026-06-29: volume 100 → 10' as message;

create table marts.customer_360 as
select * from (values
    ('c2', '李*', '李女士', '010****5678', 0, 0.00::decimal(18, 2), 0.00::decimal(18, 2), 0, date '2026-06-30'),
    ('c1', '张*', '张先生', '138****5678', 1, 100.00, 100.00, 1, date '2026-06-30')
) as c(customer_id, display_name, salutation, masked_phone, orders, gross_revenue, net_revenue, cases, as_of);
comment on table marts.customer_360 is 'One row per customer.';
comment on column marts.customer_360.net_revenue is 'Yuan, after refunds.';
create table marts.fct_sales as
select *, amount as gross_amount, amount as net_amount from (values
    ('pos|T1|1', 'pos|T1', 'pos', 'c1', timestamp '2026-06-28 10:00:00', 'store', 100.00::decimal(18, 4)),
    ('ecommerce|O1|1', 'ecommerce|O1', 'ecommerce', null, timestamp '2026-06-29 10:00:00', 'web', 50.00)
) as f(sale_line_id, order_key, source, customer_id, purchased_at, channel, amount);
create table marts.fct_cases as select 'C1' as case_id, 'c1' as customer_id, timestamp '2026-06-29 11:00:00' as opened_at;
create table marts.fct_surveys (survey_id varchar, customer_id varchar, topic varchar);
create table marts.fct_outreach (contact_id varchar, customer_id varchar);
create table marts.fct_events (event_id varchar, customer_id varchar);
create table intermediate.int_points_booked as
select 'c1' as customer_id, date '2026-06-28' as booked_on, 'purchase' as entry_type, 'pos|T1' as reference, 100 as points;
create table marts.points_ledger as select * from intermediate.int_points_booked;
create table marts.points_balances as select customer_id, points as balance from marts.points_ledger;
