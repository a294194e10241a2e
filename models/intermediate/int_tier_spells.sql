with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

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
        states.customer_id,
        'lifecycle' as scheme,
        states.lifecycle_stage as tier,
        spells.lifecycle_stage_since as from_on,
        cast(null as date) as until_on
    from {{ ref('int_customer_states') }} as states
    inner join as_of on states.evaluated_on = as_of.as_of_date
    inner join {{ ref('int_state_spells') }} as spells on states.customer_id = spells.customer_id
),

spells as (
    select * from schemes
    union all
    select * from lifecycle
)

select * from spells
