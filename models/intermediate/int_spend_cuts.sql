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
        evaluated_on,
        cast(top_spend as decimal(18, 4)) as top_spend,
        cast(median_spend as decimal(18, 4)) as median_spend,
        cast(value_high as decimal(18, 4)) as value_high,
        cast(value_middle as decimal(18, 4)) as value_middle
    from cuts
)

select * from typed
