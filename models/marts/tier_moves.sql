with

moved as (
    select
        customer_id,
        scheme,
        previous_tier as from_tier,
        tier as to_tier,
        since as moved_on
    from {{ ref('customer_segments') }}
    where is_official and previous_tier is not null and since is not null
),

sizes as (
    select
        scheme,
        tier,
        month_end,
        net_revenue_12m / customers as spend_per_customer,
        max(month_end) over () as newest
    from {{ ref('tier_sizes') }}
),

spend as (
    select * from sizes
    where month_end = newest
),

final as (
    select
        moved.customer_id,
        profiles.display_name,
        moved.moved_on,
        last_day(moved.moved_on) as month_end,
        moved.from_tier,
        moved.to_tier,
        case
            when to_spend.spend_per_customer > from_spend.spend_per_customer then 'up'
            when to_spend.spend_per_customer < from_spend.spend_per_customer then 'down'
        end as direction,
        moved.scheme,
        profiles.net_revenue_12m,
        profiles.clv_365d,
        profiles.last_purchase_on,
        profiles.lifecycle_stage,
        profiles.as_of
    from moved
    inner join {{ ref('customer_360') }} as profiles on moved.customer_id = profiles.customer_id
    left join spend as from_spend on moved.scheme = from_spend.scheme and moved.from_tier = from_spend.tier
    left join spend as to_spend on moved.scheme = to_spend.scheme and moved.to_tier = to_spend.tier
)

select * from final
