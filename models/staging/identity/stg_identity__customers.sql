with

source as (
    select * from {{ source('identity', 'customers') }}
),

typed as (
    select
        customer_id,
        masked_name,
        salutation,
        gender,
        birthday,
        masked_phone,
        masked_email,
        province,
        city,
        district,
        member_count,
        account_count,
        record_count,
        marketing_consent,
        marketing_consent_since,
        referrer_customer_id,
        registered_at,
        first_seen_at
    from source
)

select * from typed
