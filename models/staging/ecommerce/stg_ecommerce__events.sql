-- depends_on: {{ ref('personal_data_patterns') }}
{%- set patterns = personal_data_patterns() %}

with

source as (
    select * from {{ source('ecommerce', 'events') }}
),

typed as (
    select
        record_key,
        event_id,
        occurred_at,
        account_id,
        session_id,
        event_type,
        sku,
        {{ redact('category', patterns) }} as category,
        channel,
        _delivery_date as delivered_on,
        _first_delivered as first_delivered_on
    from source
)

select * from typed
