{{ config(materialized='kept', due='valued') }}
with

snapshots as (
    select
        customer_id,
        evaluated_on,
        total_purchases,
        window_spend
    from {{ ref('int_customer_snapshots') }}
    where {{ is_due('valued', 'customer_id', 'evaluated_on') }}
),

customer_values as (
    select * from {{ ref('stg_valuation__customer_values') }}
    where {{ is_due('valued', 'customer_id', 'evaluated_on') }}
),

cost_steps as (
    select * from {{ ref('int_customer_cost_steps') }}
),

margins as (
    select
        amount as gross_margin_share,
        case
            when row_number() over (order by valid_from) = 1 then cast('1900-01-01' as date) else valid_from
        end as valid_from,
        coalesce(lead(valid_from) over (order by valid_from), cast('9999-12-31' as date)) as replaced_on
    from {{ ref('unit_costs') }}
    where cost = 'gross_margin_share'
),

margins_by_day as (
    select
        days.evaluated_on,
        days.window_set,
        margins.gross_margin_share
    from {{ ref('int_evaluation_days') }} as days
    inner join margins on days.evaluated_on >= margins.valid_from and days.evaluated_on < margins.replaced_on
),

joined as (
    select
        snapshots.customer_id,
        snapshots.evaluated_on,
        snapshots.total_purchases,
        cast(snapshots.window_spend as double) as window_spend,
        customer_values.frequency,
        customer_values.recency_days,
        customer_values.age_days,
        customer_values.p_alive,
        customer_values.expected_purchases_90d,
        customer_values.expected_purchases_365d,
        customer_values.expected_spend,
        customer_values.clv_90d,
        customer_values.clv_365d,
        customer_values.method,
        customer_values.method_reason,
        margins_by_day.gross_margin_share,
        cast(coalesce(cost_steps.window_cost, 0) as double) as cost_365d,
        case
            when cost_steps.purchased_amount > 0
                then
                    cast(cost_steps.discount_amount as double)
                    / (cast(cost_steps.purchased_amount as double) + cast(cost_steps.discount_amount as double))
            else 0
        end as discount_share,
        case
            when cost_steps.purchased_amount > 0
                then
                    least(
                        greatest(
                            cast(cost_steps.returned_amount as double) / cast(cost_steps.purchased_amount as double), 0
                        ),
                        1
                    )
            else 0
        end as return_share
    from snapshots
    inner join margins_by_day on snapshots.evaluated_on = margins_by_day.evaluated_on
    left join customer_values
        on
            snapshots.customer_id = customer_values.customer_id
            and snapshots.evaluated_on = customer_values.evaluated_on
    left join cost_steps
        on
            snapshots.customer_id = cost_steps.customer_id
            and {{ holds_on('cost_steps', 'margins_by_day') }}
),

-- Of a yuan paid, what is left after the goods: they cost the same at a discount, and what is returned earns nothing.
contributions as (
    select
        *,
        (1 - return_share) * (1 - (1 - cast(gross_margin_share as double)) / (1 - discount_share))
            as contribution_share,
        -- Net spend has lost its returns already.
        window_spend * (1 - (1 - cast(gross_margin_share as double)) / (1 - discount_share)) - cost_365d
            as profit_365d
    from joined
),

final as (
    select
        customer_id,
        evaluated_on,
        coalesce(frequency, 0) as frequency,
        recency_days,
        age_days,
        p_alive,
        case when total_purchases > 0 then expected_purchases_90d else 0 end as expected_purchases_90d,
        case when total_purchases > 0 then expected_purchases_365d else 0 end as expected_purchases_365d,
        expected_spend,
        cast(case when total_purchases > 0 then clv_90d else 0 end as decimal(18, 4)) as clv_90d,
        cast(case when total_purchases > 0 then clv_365d else 0 end as decimal(18, 4)) as clv_365d,
        cast(
            case when total_purchases > 0 then clv_365d * contribution_share else 0 end - cost_365d as decimal(18, 4)
        ) as net_clv_365d,
        round(discount_share, 6) as discount_share,
        round(return_share, 6) as return_share,
        round(contribution_share, 6) as contribution_share,
        cast(cost_365d as decimal(18, 4)) as cost_365d,
        cast(profit_365d as decimal(18, 4)) as profit_365d,
        case
            when method is not null then method
            when total_purchases > 0 then 'not_valued'
            else 'no_purchase'
        end as value_method,
        method_reason as value_method_reason
    from contributions
)

select * from final
