with

source as (
    select * from {{ source('pos', 'members') }}
),

typed as (
    select
        record_key,
        member_id,
        name,
        phone,
        gender,
        birthday,
        id_card,
        city,
        address,
        store_id,
        registered_at,
        _delivery_date as delivered_on,
        _first_delivered as first_delivered_on
    from source
)

select * from typed
