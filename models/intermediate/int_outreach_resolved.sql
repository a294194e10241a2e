with

as_of as (
    select * from {{ ref('int_as_of') }}
),

outreach as (
    select
        outreach.contact_id,
        xref.customer_id,
        outreach.campaign_id,
        outreach.arm,
        outreach.channel,
        outreach.sent_at,
        case when outreach.delivered_at < as_of.as_of_end then outreach.delivered_at end as delivered_at,
        case when outreach.opened_at < as_of.as_of_end then outreach.opened_at end as opened_at,
        case when outreach.clicked_at < as_of.as_of_end then outreach.clicked_at end as clicked_at,
        case when outreach.responded_at < as_of.as_of_end then outreach.responded_at end as responded_at,
        outreach.next_action_due
    from {{ ref('stg_call_center__outreach') }} as outreach
    left join {{ ref('stg_identity__customer_xref') }} as xref
        on outreach.contact_id = xref.record_key and xref.source = 'call_center.outreach'
    cross join as_of
    where outreach.sent_at < as_of.as_of_end
),

judged as (
    select
        *,
        responded_at is not null as is_answered
    from outreach
)

select * from judged
