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
taken_spells as (
    select
        taken_on.customer_id,
        taken_on.scheme,
        taken_on.tier,
        taken_on.changed_on as from_on,
        case when taken_on.replaced_on <= as_of.as_of_date then taken_on.replaced_on end as until_on
    from {{ ref('int_tier_changes') }} as taken_on
    inner join schemes_used on taken_on.scheme = schemes_used.scheme
    cross join as_of
    where taken_on.changed_on is null or taken_on.changed_on <= as_of.as_of_date
),

found_spells as (
    select
        found_on.customer_id,
        found_on.scheme,
        found_on.tier,
        found_on.changed_on as from_on,
        lead(found_on.changed_on) over (
            partition by found_on.customer_id, found_on.scheme
            order by found_on.changed_on
        ) as until_on
    from {{ ref('int_state_changes') }} as found_on
    inner join schemes_used on found_on.scheme = schemes_used.scheme
    left join exact_schemes on found_on.scheme = exact_schemes.scheme
    where exact_schemes.scheme is null
),

stays as (
    select * from taken_spells
    union all
    select * from found_spells
),

spells as (
    select
        customer_id,
        scheme,
        tier,
        coalesce(from_on, cast('1900-01-01' as date)) as from_on,
        until_on
    from stays
)

select * from spells
