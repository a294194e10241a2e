-- depends_on: {{ ref('rfm_scoring') }}, {{ ref('int_as_of') }}
{%- set scoring = policy_settings('rfm_scoring') %}
{%- set cuts = ['first_cut', 'second_cut', 'third_cut', 'fourth_cut'] %}
{%- set metrics = {'recency': 'days_since_purchase', 'frequency': 'total_purchases', 'monetary': 'total_spend'} %}
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
        evaluated_on
        {%- for name, metric in metrics.items() %}
        {%- for cut in cuts %},
        {{ quantile_type_7(metric, scoring.get(cut, '0.5')) }} + {{ scoring.get('cut_offset', '0') }}
            as {{ name }}_{{ cut }}
        {%- endfor %}
        {%- endfor %}
    from buyers
    group by evaluated_on
)

select * from cuts
