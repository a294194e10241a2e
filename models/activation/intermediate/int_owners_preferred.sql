with

audiences as (
    select * from {{ ref('int_audiences_in_force') }}
),

owners as (
    select
        *,
        count(*) over (partition by role) as owners_in_role
    from {{ ref('int_contact_owners_in_force') }}
),

customers as (
    select distinct
        entries.customer_id,
        audiences.owner_role
    from {{ ref('int_audience_entries') }} as entries
    inner join audiences on entries.audience = audiences.audience
    where entries.is_member or entries.is_open
),

-- Highest random weight: a new owner takes over a share of everybody's customers, and moves nobody else.
ranked as (
    select
        customers.customer_id,
        customers.owner_role,
        owners.owner,
        owners.keeps_customers,
        row_number() over (
            partition by customers.customer_id, customers.owner_role
            order by
                case
                    when owners.owners_in_role > 1
                        then
                            -ln(1e-12 + {{ stable_share(
                                "customers.customer_id || '|' || owners.role || '|' || owners.owner"
                            ) }}) / owners.weight
                end,
                owners.owner
        ) as choice
    from customers
    inner join owners on customers.owner_role = owners.role
)

select
    customer_id,
    owner_role,
    owner,
    keeps_customers
from ranked
where choice = 1
