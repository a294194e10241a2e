with

source as (
    select * from {{ source('call_center', 'outreach') }}
),

typed as (
    select
        record_key,
        contact_id,
        sent_at,
        campaign_id,
        arm,
        channel,
        phone,
        member_id,
        account_id,
        delivered_at,
        opened_at,
        clicked_at,
        responded_at,
        next_action,
        next_action_due,
        note,
        _delivery_date as delivered_on,
        _first_delivered as first_delivered_on
    from source
)

select * from typed
