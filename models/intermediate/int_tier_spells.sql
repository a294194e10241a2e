with

schemes as (
    select
        customer_id,
        scheme,
        tier,
        coalesce(changed_on, cast('1900-01-01' as date)) as from_on,
        lead(changed_on) over (partition by customer_id, scheme order by changed_on nulls first) as until_on
    from {{ ref('int_tier_changes') }}
),

lifecycle as (
    select
        customer_id,
        'lifecycle' as scheme,
        tier,
        changed_on as from_on,
        cast(null as date) as until_on
    from {{ ref('int_state_changes') }}
    where scheme = 'stage' and is_present
),

spells as (
    select * from schemes
    union all
    select * from lifecycle
)

select * from spells
