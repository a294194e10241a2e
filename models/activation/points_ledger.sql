-- depends_on: {{ ref('points_settings') }}
{%- set settings = policy_setting_versions('points_settings') %}
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

booked as (
    select
        customer_id,
        booked_on,
        entry_type,
        reference,
        points,
        case
            when points > 0
                then {{ months_after('booked_on', setting_on(settings, 'expiry_months', 'booked_on')) }}
        end as expires_on
    from {{ ref('int_points_booked') }}
),

changes as (
    select
        customer_id,
        expires_on as day,
        points as lapsing,
        0 as taken_back
    from booked
    where points > 0
    union all
    select
        customer_id,
        booked_on as day,
        0 as lapsing,
        -points as taken_back
    from booked
    where points < 0
),

days as (
    select
        changes.customer_id,
        changes.day,
        sum(changes.lapsing) as lapsing,
        sum(changes.taken_back) as taken_back
    from changes
    cross join as_of
    where changes.day <= as_of.as_of_date
    group by
        changes.customer_id,
        changes.day
),

running as (
    select
        customer_id,
        day,
        sum(lapsing) over so_far as lapsed,
        sum(taken_back) over so_far as taken_back
    from days
    window so_far as (
        partition by customer_id
        order by day
        rows between unbounded preceding and current row
    )
),

-- First in, first out: what is taken back uses up the oldest points, and what is left of them lapses. So the points
-- expired by a day are the most by which the points due to lapse were ever ahead of those taken back.
expired_so_far as (
    select
        customer_id,
        day,
        greatest(0, max(lapsed - taken_back) over (
            partition by customer_id
            order by day
            rows between unbounded preceding and current row
        )) as expired
    from running
),

expired as (
    select
        customer_id,
        day as booked_on,
        'expired' as entry_type,
        cast(day as varchar(10)) as reference,
        -(expired - coalesce(lag(expired) over (partition by customer_id order by day), 0)) as points,
        cast(null as date) as expires_on
    from expired_so_far
),

entries as (
    select
        customer_id,
        booked_on,
        entry_type,
        reference,
        points,
        expires_on
    from booked
    union all
    select
        customer_id,
        booked_on,
        entry_type,
        reference,
        points,
        expires_on
    from expired
    where points < 0
),

final as (
    select
        customer_id,
        booked_on,
        entry_type,
        reference,
        cast(points as bigint) as points,
        expires_on
    from entries
)

select * from final
