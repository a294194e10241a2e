with

source as (
    select * from {{ source('ecommerce', 'customers') }}
),

typed as (
    select
        record_key,
        account_id,
        username,
        name,
        phone,
        email,
        unionid,
        gender,
        birthday,
        province,
        city,
        address,
        registered_at,
        referrer_account_id,
        marketing_consent,
        _delivery_date as delivered_on,
        _first_delivered as first_delivered_on
    from source
)

select * from typed
