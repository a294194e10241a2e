with

planned as (
    select
        *,
        min(planned_on) over () as first_planned_on
    from {{ ref('planned_contacts') }}
),

final as (
    select
        planned.owner,
        planned.queue_position,
        planned.planned_on,
        planned.due_at,
        planned.is_late,
        planned.customer_id,
        profiles.display_name,
        profiles.salutation,
        profiles.masked_phone,
        profiles.masked_email,
        planned.channel,
        profiles.preferred_contact_hour,
        planned.audience,
        planned.reason,
        profiles.official_tier,
        profiles.lifecycle_stage,
        profiles.open_complaints,
        profiles.last_contact_at,
        profiles.last_purchase_on,
        profiles.favourite_category,
        planned.campaign_id,
        planned.is_marketing,
        planned.as_of
    from planned
    inner join {{ ref('customer_360') }} as profiles on planned.customer_id = profiles.customer_id
    where planned.planned_on = planned.first_planned_on
)

select * from final
