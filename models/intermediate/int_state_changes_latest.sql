with

changes as (
    select
        *,
        lead(changed_on) over (partition by customer_id, scheme order by changed_on) as changed_again_on
    from {{ ref('int_state_changes') }}
),

final as (
    select
        customer_id,
        scheme,
        changed_on,
        previous_tier
    from changes
    where changed_again_on is null
)

select * from final
