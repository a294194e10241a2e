-- depends_on: {{ ref('points_settings') }}
{%- set settings = policy_setting_versions('points_settings') %}
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

ledger as (
    select * from {{ ref('points_ledger') }}
),

sums as (
    select
        customer_id,
        sum(case when points > 0 then points else 0 end) as earned,
        sum(case when entry_type = 'taken_back' then -points else 0 end) as taken_back,
        sum(case when entry_type = 'expired' then -points else 0 end) as expired,
        sum(points) as balance,
        max(booked_on) as last_booked_on
    from ledger
    group by customer_id
),

lots as (
    select
        customer_id,
        expires_on,
        sum(points) as points
    from ledger
    where points > 0
    group by
        customer_id,
        expires_on
),

-- What was taken back or lapsed comes off the oldest points.
left_over as (
    select
        lots.customer_id,
        lots.expires_on,
        greatest(0, least(
            lots.points,
            sum(lots.points) over (
                partition by lots.customer_id
                order by lots.expires_on
                rows between unbounded preceding and current row
            ) - sums.taken_back - sums.expired
        )) as points
    from lots
    inner join sums on lots.customer_id = sums.customer_id
),

expiries as (
    select
        left_over.customer_id,
        min(left_over.expires_on) as next_expiry_on,
        min_by(left_over.points, left_over.expires_on) as next_expiry_points,
        sum(
            case
                when
                    left_over.expires_on
                    <= {{ days_after('as_of.as_of_date', setting_on(settings, 'notice_days', 'as_of.as_of_date')) }}
                    then left_over.points
                else 0
            end
        ) as expiring_points
    from left_over
    cross join as_of
    where left_over.points > 0
    group by left_over.customer_id
),

final as (
    select
        sums.customer_id,
        cast(sums.earned as bigint) as earned,
        cast(sums.taken_back as bigint) as taken_back,
        cast(sums.expired as bigint) as expired,
        cast(sums.balance as bigint) as balance,
        expiries.next_expiry_on,
        cast(coalesce(expiries.next_expiry_points, 0) as bigint) as next_expiry_points,
        cast(coalesce(expiries.expiring_points, 0) as bigint) as expiring_points,
        sums.last_booked_on,
        as_of.as_of_date as as_of
    from sums
    cross join as_of
    left join expiries on sums.customer_id = expiries.customer_id
)

select * from final
