with

audiences as (
    select * from {{ ref('int_audiences_in_force') }}
),

owners as (
    select * from {{ ref('int_contact_owners_in_force') }}
),

contacts as (
    select
        placed.audience,
        placed.customer_id,
        placed.due_at,
        placed.channel,
        placed.planned_on,
        audiences.owner_role,
        preferred.owner as preferred_owner,
        preferred.keeps_customers,
        {{ stable_share("placed.customer_id || '|' || placed.audience") }} as draw
    from {{ ref('int_contacts_placed') }} as placed
    inner join audiences on placed.audience = audiences.audience
    left join {{ ref('int_owners_preferred') }} as preferred
        on placed.customer_id = preferred.customer_id and audiences.owner_role = preferred.owner_role
    where placed.decision = 'planned'
),

-- An owner takes no more than a fair share of the day; who keeps customers keeps them whatever the load.
counted as (
    select
        contacts.*,
        row_number() over (
            partition by owner_role, planned_on, preferred_owner
            order by draw, customer_id, audience, due_at
        ) as place,
        count(*) over (partition by owner_role, planned_on) as contacts_of_day
    from contacts
),

judged as (
    select
        counted.*,
        coalesce(counted.keeps_customers, false)
        or owners.owner is null
        or counted.place <= ceil(counted.contacts_of_day * owners.share) as stays
    from counted
    left join owners on counted.owner_role = owners.role and counted.preferred_owner = owners.owner
),

loads as (
    select
        owner_role,
        planned_on,
        max(contacts_of_day) as contacts_of_day
    from judged
    group by
        owner_role,
        planned_on
),

kept as (
    select
        owner_role,
        planned_on,
        preferred_owner,
        count(*) as contacts
    from judged
    where stays
    group by
        owner_role,
        planned_on,
        preferred_owner
),

gaps as (
    select
        loads.owner_role,
        loads.planned_on,
        owners.owner,
        cast(ceil(loads.contacts_of_day * owners.share) as bigint) - coalesce(kept.contacts, 0) as free_places
    from loads
    inner join owners on loads.owner_role = owners.role
    left join kept
        on
            loads.owner_role = kept.owner_role
            and loads.planned_on = kept.planned_on
            and owners.owner = kept.preferred_owner
    where not owners.keeps_customers
),

-- Running totals of free places: the nth contact that moves goes to the owner whose range holds n.
ranges as (
    select
        owner_role,
        planned_on,
        owner,
        sum(free_places) over so_far - free_places as places_before,
        sum(free_places) over so_far as places_up_to
    from gaps
    where free_places > 0
    window so_far as (
        partition by owner_role, planned_on
        order by free_places desc, owner asc
        rows between unbounded preceding and current row
    )
),

moving as (
    select
        *,
        row_number() over (
            partition by owner_role, planned_on
            order by draw, customer_id, audience, due_at
        ) as number_moving
    from judged
    where not stays
),

assigned as (
    select
        audience,
        customer_id,
        due_at,
        channel,
        planned_on,
        owner_role,
        preferred_owner as owner
    from judged
    where stays
    union all
    select
        moving.audience,
        moving.customer_id,
        moving.due_at,
        moving.channel,
        moving.planned_on,
        moving.owner_role,
        coalesce(ranges.owner, moving.preferred_owner) as owner
    from moving
    left join ranges
        on
            moving.owner_role = ranges.owner_role
            and moving.planned_on = ranges.planned_on
            and moving.number_moving > ranges.places_before
            and moving.number_moving <= ranges.places_up_to
)

select * from assigned
