with

as_of as (
    select * from {{ ref('int_as_of') }}
),

audiences as (
    select * from {{ ref('int_audiences_in_force') }}
),

weighed as (
    select
        audience,
        customer_id,
        due_at,
        min(detail) as detail,
        min(entered_on) as entered_on,
        min(queue_rank) as queue_rank
    from {{ ref('int_contacts_weighed') }}
    where blocked_by is null
    group by
        audience,
        customer_id,
        due_at
),

planned as (
    select
        assigned.customer_id,
        assigned.planned_on,
        assigned.channel,
        assigned.audience,
        assigned.audience || ':' || cast(assigned.planned_on as varchar(10)) as campaign_id,
        assigned.owner,
        assigned.owner_role,
        assigned.due_at,
        cast(assigned.due_at as date) < assigned.planned_on as is_late,
        audiences.priority,
        weighed.queue_rank,
        audiences.is_marketing,
        audiences.cost,
        audiences.reason || coalesce(': ' || weighed.detail, '') as reason,
        nullif(weighed.entered_on, cast('1900-01-01' as date)) as entered_on,
        as_of.as_of_date as as_of
    from {{ ref('int_owners_assigned') }} as assigned
    inner join audiences on assigned.audience = audiences.audience
    left join weighed
        on
            assigned.audience = weighed.audience
            and assigned.customer_id = weighed.customer_id
            and assigned.due_at = weighed.due_at
    cross join as_of
),

final as (
    select
        customer_id,
        planned_on,
        channel,
        audience,
        campaign_id,
        owner,
        owner_role,
        due_at,
        is_late,
        priority,
        cast(row_number() over (
            partition by owner, planned_on
            order by priority desc, queue_rank asc nulls last, due_at asc, customer_id asc, audience asc
        ) as integer) as queue_position,
        is_marketing,
        cost,
        reason,
        entered_on,
        as_of
    from planned
)

select * from final
