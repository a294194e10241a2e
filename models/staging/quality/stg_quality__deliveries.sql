with

source as (
    select * from {{ source('quality', 'deliveries') }}
),

typed as (
    select
        source,
        dataset,
        delivery_date,
        rows_received,
        rows_loaded
    from source
)

select * from typed
