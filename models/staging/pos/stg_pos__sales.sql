with

source as (
    select * from {{ source('pos', 'sales') }}
),

typed as (
    select
        record_key,
        ticket_id,
        line_no,
        sold_at,
        store_id,
        member_id,
        phone,
        sku,
        product_name,
        category,
        quantity,
        unit_price,
        discount,
        amount,
        payment_method,
        _delivery_date as delivered_on,
        _first_delivered as first_delivered_on
    from source
)

select * from typed
