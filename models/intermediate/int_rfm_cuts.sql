-- depends_on: {{ ref('rfm_scoring') }}
{%- set scoring = policy_setting_versions('rfm_scoring') %}
with

buyers as (
    select
        evaluated_on,
        days_since_purchase,
        total_purchases,
        total_spend
    from {{ ref('int_customer_snapshots') }}
    where total_purchases > 0
),

cuts as (
    select
        evaluated_on,
        {{ cut_points('days_since_purchase', 'recency', scoring, 'evaluated_on') }},
        {{ cut_points('total_purchases', 'frequency', scoring, 'evaluated_on') }},
        {{ cut_points('total_spend', 'monetary', scoring, 'evaluated_on') }}
    from buyers
    group by evaluated_on
)

select * from cuts
