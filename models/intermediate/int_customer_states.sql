-- depends_on: {{ ref('tier_schemes') }}, {{ ref('lifecycle_rules') }}, {{ ref('rfm_thresholds') }}
{%- set tiers = policy_rules('tier_schemes') %}
{%- set stages = policy_rules('lifecycle_rules', scheme='lifecycle_view', outcome='stage') %}
{%- set thresholds = policy_rules('rfm_thresholds', scheme='measure', outcome='score') %}
with

snapshots as (
    select * from {{ ref('int_customer_snapshots') }}
),

behaviours as (
    select * from {{ ref('int_customer_behaviours') }}
),

customer_values as (
    select * from {{ ref('int_customer_values') }}
),

risks as (
    select * from {{ ref('int_customer_risks') }}
),

spend_cuts as (
    select * from {{ ref('int_spend_cuts') }}
),

rfm_cuts as (
    select * from {{ ref('int_rfm_cuts') }}
),

cells as (
    select * from {{ ref('int_rfm_cells') }}
),

measured as (
    select
        snapshots.*,
        behaviours.purchase_cycle_days,
        behaviours.repurchase_rate,
        behaviours.window_repeat_purchases,
        behaviours.recent_repeat_purchases,
        behaviours.promotion_share,
        behaviours.new_item_share,
        behaviours.return_share,
        behaviours.window_categories,
        behaviours.category_change,
        behaviours.order_value_change,
        behaviours.window_complaints,
        behaviours.service_score,
        behaviours.contribution_points,
        risks.loyalty_index,
        risks.churn_score,
        cast(customer_values.net_clv_365d as decimal(18, 4)) as net_clv,
        customer_values.profit_365d,
        case
            when snapshots.total_purchases > 0
                then cast(customer_values.net_clv_365d as decimal(18, 4)) - spend_cuts.clv_high
        end as net_clv_over_high,
        case
            when snapshots.total_purchases > 0
                then cast(customer_values.net_clv_365d as decimal(18, 4)) - spend_cuts.clv_middle
        end as net_clv_over_middle,
        case when snapshots.window_purchases > 0 then snapshots.window_spend - spend_cuts.top_spend end
            as window_spend_over_top,
        case when snapshots.window_purchases > 0 then snapshots.window_spend - spend_cuts.median_spend end
            as window_spend_over_median,
        case when snapshots.total_purchases > 0 then snapshots.total_spend - spend_cuts.value_high end
            as total_spend_over_high,
        case when snapshots.total_purchases > 0 then snapshots.total_spend - spend_cuts.value_middle end
            as total_spend_over_middle,
        case
            when snapshots.total_purchases > 0
                then {{ score_by_cuts('snapshots.days_since_purchase', 'rfm_cuts.recency', reverse=true) }}
        end as r_score,
        case
            when snapshots.total_purchases > 0
                then {{ score_by_cuts('snapshots.total_purchases', 'rfm_cuts.frequency') }}
        end as f_score,
        case
            when snapshots.total_purchases > 0 then {{ score_by_cuts('snapshots.total_spend', 'rfm_cuts.monetary') }}
        end as m_score
    from snapshots
    left join behaviours
        on snapshots.customer_id = behaviours.customer_id and snapshots.evaluated_on = behaviours.evaluated_on
    left join customer_values
        on
            snapshots.customer_id = customer_values.customer_id
            and snapshots.evaluated_on = customer_values.evaluated_on
    left join risks
        on snapshots.customer_id = risks.customer_id and snapshots.evaluated_on = risks.evaluated_on
    left join spend_cuts on snapshots.evaluated_on = spend_cuts.evaluated_on
    left join rfm_cuts on snapshots.evaluated_on = rfm_cuts.evaluated_on
),

placed as (
    select
        *,
        {{ first_that_holds(tiers, 'spend_tier', 'evaluated_on') }} as spend_tier,
        {{ first_that_holds(tiers, 'value_layer', 'evaluated_on') }} as value_layer,
        {{ first_that_holds(tiers, 'membership', 'evaluated_on') }} as membership,
        {{ first_that_holds(tiers, 'service_class', 'evaluated_on') }} as service_class,
        {{ first_that_holds(tiers, 'value_level', 'evaluated_on') }} as value_level,
        {{ first_that_holds(tiers, 'behaviour_type', 'evaluated_on') }} as behaviour_type,
        {{ first_that_holds(stages, 'stage', 'evaluated_on') }} as lifecycle_stage,
        {{ first_that_holds(stages, 'funnel', 'evaluated_on') }} as funnel_stage,
        case
            when total_purchases > 0
                then cast({{ first_that_holds(thresholds, 'recency', 'evaluated_on') }} as integer)
        end as r_fixed_score,
        case
            when total_purchases > 0
                then cast({{ first_that_holds(thresholds, 'frequency', 'evaluated_on') }} as integer)
        end as f_fixed_score,
        case
            when total_purchases > 0
                then cast({{ first_that_holds(thresholds, 'monetary', 'evaluated_on') }} as integer)
        end as m_fixed_score
    from measured
),

named as (
    select
        placed.*,
        coalesce(cells.segment, 'no_purchase') as rfm_segment,
        coalesce(fixed_cells.segment, 'no_purchase') as rfm_fixed_segment
    from placed
    left join cells
        on
            placed.r_score = cells.r_score
            and placed.f_score = cells.f_score
            and placed.m_score = cells.m_score
            and placed.evaluated_on >= cells.valid_from
            and placed.evaluated_on < cells.replaced_on
    left join cells as fixed_cells
        on
            placed.r_fixed_score = fixed_cells.r_score
            and placed.f_fixed_score = fixed_cells.f_score
            and placed.m_fixed_score = fixed_cells.m_score
            and placed.evaluated_on >= fixed_cells.valid_from
            and placed.evaluated_on < fixed_cells.replaced_on
)

select * from named
