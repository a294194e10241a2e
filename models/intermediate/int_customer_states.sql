-- depends_on: {{ ref('tier_schemes') }}, {{ ref('lifecycle_rules') }}
{%- set tiers = policy_rules('tier_schemes') %}
{%- set stages = policy_rules('lifecycle_rules', scheme='lifecycle_view', outcome='stage') %}
with

snapshots as (
    select * from {{ ref('int_customer_snapshots') }}
),

cuts as (
    select * from {{ ref('int_rfm_cuts') }}
),

cells as (
    select * from {{ ref('int_rfm_cells') }}
),

scored as (
    select
        snapshots.*,
        case
            when snapshots.total_purchases > 0
                then {{ score_by_cuts('snapshots.days_since_purchase', 'cuts.recency', reverse=true) }}
        end as r_score,
        case
            when snapshots.total_purchases > 0 then {{ score_by_cuts('snapshots.total_purchases', 'cuts.frequency') }}
        end as f_score,
        case
            when snapshots.total_purchases > 0 then {{ score_by_cuts('snapshots.total_spend', 'cuts.monetary') }}
        end as m_score
    from snapshots
    left join cuts on snapshots.evaluated_on = cuts.evaluated_on
),

placed as (
    select
        scored.*,
        {{ first_that_holds(tiers, 'spend_tier', 'scored.evaluated_on') }} as spend_tier,
        {{ first_that_holds(tiers, 'service_class', 'scored.evaluated_on') }} as service_class,
        {{ first_that_holds(stages, 'stage', 'scored.evaluated_on') }} as lifecycle_stage,
        coalesce(cells.segment, 'no_purchase') as rfm_segment
    from scored
    left join cells
        on
            scored.r_score = cells.r_score
            and scored.f_score = cells.f_score
            and scored.m_score = cells.m_score
            and scored.evaluated_on >= cells.valid_from
            and scored.evaluated_on < cells.replaced_on
)

select * from placed
