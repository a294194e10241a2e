-- depends_on: {{ ref('spend_cuts') }}
{%- set shares = policy_setting_versions('spend_cuts') %}
with

snapshots as (
    select
        evaluated_on,
        case when window_purchases > 0 then window_spend end as window_spend,
        case when total_purchases > 0 then total_spend end as total_spend
    from {{ ref('int_customer_snapshots') }}
    where total_purchases > 0
),

value_cuts as (
    select
        evaluated_on,
        {{ quantile_on('net_clv_365d', shares, 'clv_high_share', 'evaluated_on', from_top=true) }} as clv_high,
        {{ quantile_on('net_clv_365d', shares, 'clv_middle_share', 'evaluated_on', from_top=true) }} as clv_middle
    from {{ ref('int_customer_values') }}
    where value_method <> 'no_purchase'
    group by evaluated_on
),

cuts as (
    select
        evaluated_on,
        {{ quantile_on('window_spend', shares, 'top_spend_share', 'evaluated_on', from_top=true) }} as top_spend,
        {{ quantile_on('window_spend', shares, 'middle_spend_share', 'evaluated_on', from_top=true) }} as median_spend,
        {{ quantile_on('total_spend', shares, 'value_high_share', 'evaluated_on', from_top=true) }} as value_high,
        {{ quantile_on('total_spend', shares, 'value_middle_share', 'evaluated_on', from_top=true) }} as value_middle
    from snapshots
    group by evaluated_on
),

-- Money has four decimals: a cut that stands on what a customer spent is exactly that.
typed as (
    select
        cuts.evaluated_on,
        cast(cuts.top_spend as decimal(18, 4)) as top_spend,
        cast(cuts.median_spend as decimal(18, 4)) as median_spend,
        cast(cuts.value_high as decimal(18, 4)) as value_high,
        cast(cuts.value_middle as decimal(18, 4)) as value_middle,
        cast(value_cuts.clv_high as decimal(18, 4)) as clv_high,
        cast(value_cuts.clv_middle as decimal(18, 4)) as clv_middle
    from cuts
    left join value_cuts on cuts.evaluated_on = value_cuts.evaluated_on
)

select * from typed
