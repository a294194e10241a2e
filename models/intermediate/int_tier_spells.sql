with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

schemes_used as (
    select distinct scheme
    from {{ ref('audiences') }}
    where scheme is not null
    union distinct
    select distinct scheme from {{ ref('queue_priorities') }}
    union distinct
    select distinct scheme
    from {{ ref('points_rules') }}
    where scheme is not null
),

exact_schemes as (
    select distinct scheme from {{ ref('int_tier_changes') }}
),

-- Exact to the day where only the customer's own purchases decide, else by day of evaluation.
changes as (
    select
        taken_on.customer_id,
        taken_on.scheme,
        taken_on.changed_on,
        taken_on.tier
    from {{ ref('int_tier_changes') }} as taken_on
    inner join schemes_used on taken_on.scheme = schemes_used.scheme
    union all
    select
        found_on.customer_id,
        found_on.scheme,
        found_on.changed_on,
        found_on.tier
    from {{ ref('int_state_changes') }} as found_on
    inner join schemes_used on found_on.scheme = schemes_used.scheme
    left join exact_schemes on found_on.scheme = exact_schemes.scheme
    where exact_schemes.scheme is null
),

spells as (
    select
        changes.customer_id,
        changes.scheme,
        changes.tier,
        coalesce(changes.changed_on, cast('1900-01-01' as date)) as from_on,
        lead(changes.changed_on) over (
            partition by changes.customer_id, changes.scheme
            order by changes.changed_on asc nulls first
        ) as until_on
    from changes
    cross join as_of
    where changes.changed_on is null or changes.changed_on <= as_of.as_of_date
)

select * from spells
