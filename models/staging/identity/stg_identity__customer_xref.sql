with

source as (
    select * from {{ source('identity', 'customer_xref') }}
),

typed as (
    select
        source,
        record_key,
        customer_id,
        matched_by,
        confidence,
        since
    from source
)

select * from typed
