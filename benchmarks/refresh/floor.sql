-- customer_360 as far as sums, counts, first, last and most frequent give it; who is who is taken from `truth`.
-- Columns are named and defined as in marts.customer_360. Grain: person.
create table customer_360 as
with
day as (
    select max(_delivered) as as_of
    from (select _delivered from pos_sales union all select _delivered from ecommerce_orders)
),

lines as (
    select
        coalesce(m.person_id, t.person_id) as customer_id, 'pos' as source, 'store' as channel,
        s.ticket_id as order_id, s.sold_at as purchased_at, s.category, 'completed' as status,
        null as coupon_code, s.amount
    from pos_sales as s
    left join truth as m on m.source = 'pos.members' and m.record_key = s.member_id
    left join truth as t on t.source = 'pos.sales' and t.record_key = s.ticket_id
    union all
    select
        coalesce(a.person_id, t.person_id), 'ecommerce', coalesce(o.channel, 'online'),
        o.order_id, o.ordered_at, o.category, o.status, o.coupon_code, o.amount
    from ecommerce_orders as o
    left join truth as a on a.source = 'ecommerce.customers' and a.record_key = o.account_id
    left join truth as t on t.source = 'ecommerce.orders' and t.record_key = o.order_id
),

valued as (
    select
        *,
        case when status = 'cancelled' or amount < 0 then 0 else amount end as gross,
        case when status = 'cancelled' then 0 when amount < 0 then -amount when status = 'refunded' then amount
            else 0 end as returned
    from lines
    where customer_id is not null
),

orders as (
    select
        customer_id, source, order_id, min(channel) as channel, cast(min(purchased_at) as date) as purchased_on,
        bool_or(coupon_code is not null) as used_coupon, sum(gross) as gross, sum(returned) as returned,
        sum(gross - returned) as net
    from valued group by all
),

purchases as (
    select * from orders where net > 0
),

money as (
    select
        o.customer_id,
        min(purchased_on) filter (net > 0) as first_purchase_on,
        max(purchased_on) filter (net > 0) as last_purchase_on,
        count(*) filter (net > 0) as orders,
        sum(gross) as gross_revenue,
        sum(net) as net_revenue,
        sum(net) filter (net > 0) / nullif(count(*) filter (net > 0), 0) as average_order_value,
        count(*) filter (net > 0 and purchased_on >= as_of - 365) as orders_12m,
        coalesce(sum(net) filter (purchased_on >= as_of - 365), 0) as net_revenue_12m,
        sum(returned) filter (purchased_on >= as_of - 365)
        / nullif(sum(gross) filter (purchased_on >= as_of - 365), 0) as return_share
    from orders as o cross join day group by 1
),

habits as (
    select
        customer_id,
        avg(cast(used_coupon as integer)) as coupon_share,
        avg(cast(channel = 'store' as integer)) as store_share,
        avg(cast(channel = 'web' as integer)) as web_share,
        avg(cast(channel = 'app' as integer)) as app_share,
        avg(cast(channel = 'mini_program' as integer)) as mini_program_share
    from purchases group by 1
),

channels as (
    select customer_id, first(channel order by n desc, last_on desc, channel asc) as preferred_channel
    from (select customer_id, channel, count(*) as n, max(purchased_on) as last_on from purchases group by 1, 2)
    group by 1
),

gaps as (
    select customer_id, purchased_on - lag(purchased_on) over (partition by customer_id order by purchased_on) as gap
    from (select distinct customer_id, purchased_on from purchases)
),

cycles as (
    select customer_id, median(gap) as purchase_cycle_days from gaps group by 1
),

categories as (
    select
        customer_id,
        first(category order by net desc, category asc) filter (net > 0) as favourite_category,
        max(net) filter (net > 0) / nullif(sum(net) filter (net > 0), 0) as favourite_category_share
    from (
        select customer_id, category, sum(gross - returned) as net from valued
        where category is not null group by 1, 2
    )
    group by 1
),

cases as (
    select
        t.person_id as customer_id, c.opened_at, c.case_type,
        not coalesce(c.is_resolved = 'true', c.resolved_at is not null) as is_open
    from call_center_cases as c
    inner join truth as t on t.source = 'call_center.cases' and t.record_key = c.case_id
),

service as (
    select
        customer_id, count(*) as cases, count(*) filter (case_type = 'complaint') as complaints,
        count(*) filter (is_open) as open_cases,
        count(*) filter (is_open and case_type = 'complaint') as open_complaints
    from cases group by 1
),

answers as (
    select
        t.person_id as customer_id,
        arg_max(s.nps, s.responded_at) as nps_last, avg(s.nps) as nps_average,
        arg_max(s.csat, s.responded_at) as csat_last, avg(s.csat) as csat_average
    from call_center_surveys as s
    inner join truth as t on t.source = 'call_center.surveys' and t.record_key = s.survey_id group by 1
),

outreach as (
    select t.person_id as customer_id, o.responded_at, o.arm
    from call_center_outreach as o
    inner join truth as t on t.source = 'call_center.outreach' and t.record_key = o.contact_id
),

contacts as (
    select customer_id, count(*) as contacts_received, count(responded_at) as contacts_answered
    from outreach where coalesce(arm, 'treatment') <> 'control' group by 1
),

touches as (
    select customer_id, purchased_on as touched_on, if(source = 'pos', 'store', 'online') as touchpoint from purchases
    union all
    select a.person_id, cast(e.occurred_at as date), 'online'
    from ecommerce_events as e
    inner join truth as a on a.source = 'ecommerce.customers' and a.record_key = e.account_id
    union all
    select customer_id, cast(opened_at as date), 'service' from cases
    union all
    select customer_id, cast(responded_at as date), 'service' from outreach where responded_at is not null
),

seen as (
    select
        customer_id,
        min(touched_on) as first_touched_on,
        max(touched_on) as last_interaction_on,
        min(touched_on) filter (touchpoint = 'store') as store_first_seen_on,
        max(touched_on) filter (touchpoint = 'store') as store_last_seen_on,
        min(touched_on) filter (touchpoint = 'online') as online_first_seen_on,
        max(touched_on) filter (touchpoint = 'online') as online_last_seen_on,
        min(touched_on) filter (touchpoint = 'service') as service_first_seen_on,
        max(touched_on) filter (touchpoint = 'service') as service_last_seen_on
    from touches group by 1
),

registrations as (
    select source, record_key, registered_at, gender from (
        select 'pos.members' as source, member_id as record_key, registered_at, gender from pos_members
        union all
        select 'ecommerce.customers', account_id, registered_at, gender from ecommerce_customers
    )
),

people as (
    select
        t.person_id as customer_id,
        count(*) filter (t.source = 'pos.members') as member_count,
        count(*) filter (t.source = 'ecommerce.customers') as account_count,
        cast(min(r.registered_at) as date) as registered_on,
        max(r.gender) as gender
    from truth as t
    left join registrations as r on r.source = t.source and r.record_key = t.record_key
    group by 1
),

gathered as (
    select
        people.* exclude (gender), gender, member_count > 0 as is_member, account_count > 0 as has_account,
        coalesce(cases, 0) > 0 as has_cases,
        seen.* exclude (customer_id, first_touched_on), least(registered_on, first_touched_on) as first_seen_on,
        as_of - coalesce(last_interaction_on, registered_on) as days_since_interaction,
        money.* exclude (customer_id, orders, gross_revenue, net_revenue, orders_12m, net_revenue_12m),
        coalesce(orders, 0) as orders, coalesce(gross_revenue, 0) as gross_revenue,
        coalesce(net_revenue, 0) as net_revenue, coalesce(orders_12m, 0) as orders_12m,
        coalesce(net_revenue_12m, 0) as net_revenue_12m,
        as_of - first_purchase_on as days_since_first_purchase, as_of - last_purchase_on as recency_days,
        habits.* exclude (customer_id), preferred_channel, purchase_cycle_days,
        categories.* exclude (customer_id), coalesce(cases, 0) as cases, coalesce(complaints, 0) as complaints,
        coalesce(open_cases, 0) as open_cases, coalesce(open_complaints, 0) as open_complaints,
        answers.* exclude (customer_id), coalesce(contacts_received, 0) as contacts_received,
        coalesce(contacts_answered, 0) as contacts_answered,
        case
            when last_purchase_on is null or as_of - last_purchase_on > 365 then 'dormant'
            when net_revenue_12m >= 50000 then 'diamond' when net_revenue_12m >= 10000 then 'gold' else 'silver'
        end as spend_tier,
        as_of
    from people
    cross join day
    left join money using (customer_id) left join habits using (customer_id) left join channels using (customer_id)
    left join cycles using (customer_id) left join categories using (customer_id)
    left join service using (customer_id) left join answers using (customer_id)
    left join contacts using (customer_id) left join seen using (customer_id)
)

select * from gathered
