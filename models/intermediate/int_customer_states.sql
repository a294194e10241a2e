{{ config(materialized='kept', due='placed') }}
-- depends_on: {{ ref('int_customers_moved') }}
-- depends_on: {{ ref('tier_schemes') }}, {{ ref('lifecycle_rules') }}, {{ ref('rfm_thresholds') }}
{%- set tiers = policy_rules('tier_schemes') %}
{%- set stages = policy_rules('lifecycle_rules', scheme='lifecycle_view', outcome='stage') %}
{%- set thresholds = policy_rules('rfm_thresholds', scheme='measure', outcome='score') %}
{#- What of the measures later models ask of past months; those of as-of stand in `int_customer_present`. -#}
{%- set measures = [
    'total_purchases', 'total_spend', 'window_purchases', 'window_spend', 'month_revenue', 'last_purchase_on',
    'tenure_days', 'repurchase_rate', 'clv_365d', 'profit_365d', 'r_score', 'f_score', 'm_score',
] %}
{%- set placements = [
    'spend_tier', 'value_layer', 'membership', 'service_class', 'value_level', 'behaviour_type', 'lifecycle_stage',
    'funnel_stage', 'r_fixed_score', 'f_fixed_score', 'm_fixed_score',
] %}
with

cells as (
    select * from {{ ref('int_rfm_cells') }}
),

measured as (
    {{ customer_measures(is_due('placed', 'customer_id', 'evaluated_on')) }}
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
        placed.customer_id,
        placed.evaluated_on,
        {%- for column in measures + placements %}
        placed.{{ column }},
        {%- endfor %}
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
