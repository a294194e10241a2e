with

-- The first change alone has no tier before it, and `max_by` passes over empty ones.
latest as (
    select
        customer_id,
        scheme,
        max(changed_on) as changed_on,
        max_by(previous_tier, changed_on) as previous_tier
    from {{ ref('int_state_changes') }}
    group by
        customer_id,
        scheme
)

select * from latest
