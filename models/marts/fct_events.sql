with

as_of as (
    select * from {{ ref('int_as_of') }}
),

final as (
    select
        events.event_id,
        xref.customer_id,
        events.occurred_at,
        events.session_id,
        events.event_type,
        events.sku,
        events.category,
        events.channel
    from {{ ref('stg_ecommerce__events') }} as events
    left join {{ ref('stg_identity__customer_xref') }} as xref
        on events.account_id = xref.record_key and xref.source = 'ecommerce.customers'
    cross join as_of
    where events.occurred_at < as_of.as_of_end
)

select * from final
