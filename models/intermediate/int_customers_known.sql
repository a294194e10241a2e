with

as_of as (
    select * from {{ ref('int_as_of') }}
),

purchases as (
    select
        customer_id,
        min(purchased_on) as first_on
    from {{ ref('int_purchase_days_aggregated') }}
    group by customer_id
),

interactions as (
    select
        customer_id,
        min(interacted_on) as first_on
    from {{ ref('int_interactions_aggregated') }}
    group by customer_id
),

-- Empty unless as-of lies before what was delivered.
later_records as (
    select
        'pos.members' as source,
        members.record_key
    from {{ ref('stg_pos__members') }} as members
    cross join as_of
    where coalesce(cast(members.registered_at as date), members.first_delivered_on) > as_of.as_of_date
    union all
    select
        'ecommerce.customers' as source,
        accounts.record_key
    from {{ ref('stg_ecommerce__customers') }} as accounts
    cross join as_of
    where coalesce(cast(accounts.registered_at as date), accounts.first_delivered_on) > as_of.as_of_date
    union all
    select
        'call_center.cases' as source,
        cases.record_key
    from {{ ref('stg_call_center__cases') }} as cases
    cross join as_of
    where cases.opened_at >= as_of.as_of_end
    union all
    select
        'call_center.surveys' as source,
        surveys.record_key
    from {{ ref('stg_call_center__surveys') }} as surveys
    cross join as_of
    where surveys.responded_at >= as_of.as_of_end
    union all
    select
        'call_center.outreach' as source,
        outreach.record_key
    from {{ ref('stg_call_center__outreach') }} as outreach
    cross join as_of
    where outreach.sent_at >= as_of.as_of_end
    union all
    select distinct
        'pos.sales' as source,
        tickets.ticket_id as record_key
    from {{ ref('stg_pos__sales') }} as tickets
    cross join as_of
    where tickets.sold_at >= as_of.as_of_end
    union all
    select distinct
        'ecommerce.orders' as source,
        orders.order_id as record_key
    from {{ ref('stg_ecommerce__orders') }} as orders
    cross join as_of
    where orders.ordered_at >= as_of.as_of_end
),

later as (
    select
        xref.customer_id,
        sum(case when xref.source = 'pos.members' then 1 else 0 end) as members,
        sum(case when xref.source = 'ecommerce.customers' then 1 else 0 end) as accounts,
        count(*) as records
    from later_records
    inner join {{ ref('stg_identity__customer_xref') }} as xref
        on later_records.source = xref.source and later_records.record_key = xref.record_key
    where xref.customer_id is not null
    group by xref.customer_id
),

dated as (
    select
        customers.*,
        coalesce(later.members, 0) as later_members,
        coalesce(later.accounts, 0) as later_accounts,
        coalesce(later.records, 0) as later_records,
        least(cast(customers.first_seen_at as date), purchases.first_on, interactions.first_on) as first_seen_on
    from {{ ref('stg_identity__customers') }} as customers
    left join purchases on customers.customer_id = purchases.customer_id
    left join interactions on customers.customer_id = interactions.customer_id
    left join later on customers.customer_id = later.customer_id
),

known as (
    select
        dated.customer_id,
        dated.masked_name,
        dated.salutation,
        dated.gender,
        dated.birthday,
        dated.masked_phone,
        dated.masked_email,
        dated.province,
        dated.city,
        dated.district,
        dated.member_count - dated.later_members as member_count,
        dated.account_count - dated.later_accounts as account_count,
        dated.record_count - dated.later_records as record_count,
        dated.marketing_consent,
        dated.marketing_consent_since,
        dated.referrer_customer_id,
        case when dated.registered_at < as_of.as_of_end then dated.registered_at end as registered_at,
        dated.first_seen_on,
        as_of.as_of_date
    from dated
    cross join as_of
    where dated.first_seen_on is null or dated.first_seen_on <= as_of.as_of_date
)

select * from known
