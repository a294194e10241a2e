with

lapsed as (
    select customer_id
    from {{ ref('customer_tags') }}
    where tag = 'lapsed_valuable'
),

final as (
    select
        profiles.customer_id,
        profiles.display_name,
        profiles.salutation,
        profiles.city,
        profiles.last_purchase_on,
        profiles.recency_days,
        profiles.expected_next_purchase_on,
        profiles.orders,
        profiles.net_revenue,
        profiles.official_tier,
        profiles.lifecycle_stage,
        profiles.favourite_category,
        profiles.preferred_contact_channel,
        profiles.marketing_consent,
        profiles.open_complaints,
        profiles.nps_last,
        profiles.churn_score,
        profiles.churn_reasons,
        profiles.churn_offer,
        profiles.churn_owner,
        profiles.as_of
    from {{ ref('customer_360') }} as profiles
    inner join lapsed on profiles.customer_id = lapsed.customer_id
)

select * from final
