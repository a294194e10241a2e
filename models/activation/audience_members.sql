with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

audiences as (
    select * from {{ ref('int_audiences_in_force') }}
),

-- Of several occurrences the next to be handled stands for the membership.
members as (
    select
        entries.*,
        as_of.as_of_date,
        row_number() over (
            partition by entries.audience, entries.customer_id
            order by
                entries.closes_on > as_of.as_of_date desc,
                case when entries.closes_on > as_of.as_of_date then entries.due_at end asc,
                entries.due_at desc,
                entries.triggered_at desc
        ) as choice
    from {{ ref('int_audience_entries') }} as entries
    cross join as_of
    where entries.is_member
),

weighed as (
    select
        audience,
        customer_id,
        due_at,
        triggered_at,
        min(blocked_by) as blocked_by,
        min(reached_channel) as reached_channel
    from {{ ref('int_contacts_weighed') }}
    group by
        audience,
        customer_id,
        due_at,
        triggered_at
),

placed as (
    select
        audience,
        customer_id,
        due_at,
        min(decision) as decision,
        min(planned_on) as planned_on
    from {{ ref('int_contacts_placed') }}
    group by
        audience,
        customer_id,
        due_at
),

assigned as (
    select
        audience,
        customer_id,
        due_at,
        min(owner) as owner
    from {{ ref('int_owners_assigned') }}
    group by
        audience,
        customer_id,
        due_at
),

final as (
    select
        members.audience,
        members.customer_id,
        -- Somebody whom nobody knows since when has no day of entry.
        nullif(members.entered_on, cast('1900-01-01' as date)) as entered_on,
        members.due_at,
        coalesce(weighed.reached_channel, audiences.channel) as channel,
        audiences.reason || coalesce(': ' || members.detail, '') as reason,
        members.arm,
        audiences.priority,
        audiences.is_marketing,
        coalesce(assigned.owner, preferred.owner) as owner,
        audiences.owner_role,
        case
            when members.arm = 'control' then 'held_out'
            when weighed.blocked_by is not null then weighed.blocked_by
            when placed.decision is not null then placed.decision
            when members.closes_on <= members.as_of_date then 'expired'
            else 'later'
        end as contact_status,
        placed.planned_on,
        members.arm = 'treatment'
        and not contactable.is_suppressed
        and (contactable.has_consent or not audiences.is_marketing) as may_contact,
        members.as_of_date as as_of
    from members
    inner join audiences on members.audience = audiences.audience
    inner join {{ ref('int_customers_contactable') }} as contactable on members.customer_id = contactable.customer_id
    left join weighed
        on
            members.audience = weighed.audience
            and members.customer_id = weighed.customer_id
            and members.due_at = weighed.due_at
            and members.triggered_at = weighed.triggered_at
    left join placed
        on
            members.audience = placed.audience
            and members.customer_id = placed.customer_id
            and members.due_at = placed.due_at
    left join assigned
        on
            members.audience = assigned.audience
            and members.customer_id = assigned.customer_id
            and members.due_at = assigned.due_at
    left join {{ ref('int_owners_preferred') }} as preferred
        on members.customer_id = preferred.customer_id and audiences.owner_role = preferred.owner_role
    where members.choice = 1
)

select * from final
