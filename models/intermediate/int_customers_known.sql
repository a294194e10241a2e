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

dated as (
    select
        customers.*,
        least(cast(customers.first_seen_at as date), purchases.first_on, interactions.first_on) as first_seen_on
    from {{ ref('stg_identity__customers') }} as customers
    left join purchases on customers.customer_id = purchases.customer_id
    left join interactions on customers.customer_id = interactions.customer_id
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
        dated.member_count,
        dated.account_count,
        dated.record_count,
        dated.marketing_consent,
        dated.marketing_consent_since,
        dated.referrer_customer_id,
        dated.registered_at,
        dated.first_seen_on,
        as_of.as_of_date
    from dated
    cross join as_of
    where dated.first_seen_on is null or dated.first_seen_on <= as_of.as_of_date
)

select * from known
