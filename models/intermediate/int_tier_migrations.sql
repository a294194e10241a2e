with

evaluation_days as (
    select
        evaluated_on,
        lag(evaluated_on) over (order by evaluated_on) as evaluated_before_on
    from {{ ref('int_evaluation_days') }}
),

sizes as (
    select * from {{ ref('int_tier_sizes') }}
),

moves as (
    select
        changes.scheme,
        changes.changed_on as evaluated_on,
        coalesce(changes.previous_tier, 'first_seen') as from_tier,
        changes.tier as to_tier,
        count(*) as customers
    from {{ ref('int_state_changes') }} as changes
    inner join evaluation_days on changes.changed_on = evaluation_days.evaluated_on
    where evaluation_days.evaluated_before_on is not null
    group by
        changes.scheme,
        changes.changed_on,
        changes.previous_tier,
        changes.tier
),

left_behind as (
    select
        scheme,
        evaluated_on,
        from_tier,
        sum(customers) as customers
    from moves
    group by
        scheme,
        evaluated_on,
        from_tier
),

-- Who was in a tier the day before and did not leave it, stayed.
starts as (
    select
        evaluation_days.evaluated_on,
        sizes.scheme,
        sizes.tier as from_tier,
        sizes.customers as from_customers
    from evaluation_days
    inner join sizes on evaluation_days.evaluated_before_on = sizes.evaluated_on
),

stays as (
    select
        starts.scheme,
        starts.evaluated_on,
        starts.from_tier,
        starts.from_tier as to_tier,
        starts.from_customers - coalesce(left_behind.customers, 0) as customers
    from starts
    left join left_behind
        on
            starts.scheme = left_behind.scheme
            and starts.evaluated_on = left_behind.evaluated_on
            and starts.from_tier = left_behind.from_tier
),

all_ways as (
    select * from moves
    union all
    select
        scheme,
        evaluated_on,
        from_tier,
        to_tier,
        customers
    from stays
    where customers > 0
),

totals as (
    select
        *,
        sum(customers) over (partition by scheme, evaluated_on, from_tier) as from_customers
    from all_ways
),

rated as (
    select
        scheme,
        evaluated_on,
        from_tier,
        to_tier,
        cast(customers as integer) as customers,
        cast(from_customers as integer) as from_customers,
        cast(customers * 1.0 / from_customers as decimal(9, 6)) as rate
    from totals
)

select * from rated
