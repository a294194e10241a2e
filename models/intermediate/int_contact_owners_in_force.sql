with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

versions as (
    select
        owners.*,
        row_number() over (partition by owners.role, owners.owner order by owners.valid_from desc) as age
    from {{ ref('contact_owners') }} as owners
    inner join as_of on owners.valid_from <= as_of.as_of_date
),

-- A capacity of 0 takes an owner out.
present as (
    select
        role,
        owner,
        keeps_customers,
        capacity_per_day,
        cast(coalesce(capacity_per_day, 1) as double) as weight
    from versions
    where age = 1 and coalesce(capacity_per_day, 1) > 0
),

final as (
    select
        *,
        weight / sum(weight) over (partition by role) as share
    from present
)

select * from final
