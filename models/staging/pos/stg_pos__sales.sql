-- depends_on: {{ ref('personal_data_patterns') }}
{%- set patterns = personal_data_patterns() %}

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
        {{ redact('product_name', patterns) }} as product_name,
        {{ redact('category', patterns) }} as category,
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
