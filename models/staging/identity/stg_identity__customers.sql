-- depends_on: {{ ref('personal_data_patterns') }}
{%- set patterns = personal_data_patterns() %}

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
        {{ redact('province', patterns) }} as province,
        {{ redact('city', patterns) }} as city,
        {{ redact('district', patterns) }} as district,
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
