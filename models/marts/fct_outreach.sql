with

outreach as (
    select * from {{ ref('int_outreach_resolved') }}
),

final as (
    select
        contact_id,
        customer_id,
        campaign_id,
        arm,
        channel,
        sent_at,
        delivered_at,
        opened_at,
        clicked_at,
        responded_at,
        is_answered,
        next_action_due
    from outreach
)

select * from final
