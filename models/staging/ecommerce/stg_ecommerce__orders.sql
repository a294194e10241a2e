-- depends_on: {{ ref('personal_data_patterns') }}
{%- set patterns = personal_data_patterns() %}

with

source as (
    select * from {{ source('ecommerce', 'orders') }}
),

typed as (
    select
        record_key,
        order_id,
        line_no,
        ordered_at,
        account_id,
        receiver_name,
        receiver_phone,
        receiver_address,
        sku,
        {{ redact('product_name', patterns) }} as product_name,
        {{ redact('category', patterns) }} as category,
        quantity,
        unit_price,
        discount,
        amount,
        status,
        channel,
        coupon_code,
        _delivery_date as delivered_on,
        _first_delivered as first_delivered_on
    from source
)

select * from typed
