-- depends_on: {{ ref('int_customer_snapshots') }}, {{ ref('int_customer_values') }}
-- depends_on: {{ ref('int_evaluation_days') }}, {{ ref('int_spend_cuts') }}, {{ ref('int_rfm_cuts') }}
{#- A cut that moved can change the placement of those customers alone whose measure lies between where it was and
    where it is. -#}
{{ config(
    materialized='kept',
    due='added',
    post_hook="create or replace table {{ increment_table('cuts_seen') }} as {{ cuts_by_day() }}",
) }}
with
{% if increments() %}
cuts as (
    {{ cuts_by_day() }}
),

moved as (
    select
        cuts.*,
        {%- for _, cut, _, _ in placement_cuts() %}
        seen.{{ cut }} as {{ cut }}_before{{ ',' if not loop.last }}
        {%- endfor %}
    from cuts
    left join {{ increment_table('cuts_seen') }} as seen on cuts.evaluated_on = seen.evaluated_on
    where
        cuts.evaluated_on not in ({{ days_due('placed') }})
        and (
            {%- for _, cut, _, _ in placement_cuts() %}
            cuts.{{ cut }} is distinct from seen.{{ cut }}{{ ' or' if not loop.last }}
            {%- endfor %}
        )
),

customers as (
    {%- for model in ['int_customer_snapshots', 'int_customer_values'] %}
    select measured.customer_id
    from {{ ref(model) }} as measured
    inner join moved on measured.evaluated_on = moved.evaluated_on
    where
        {%- for _, cut, measured, measure in placement_cuts() if measured == model %}
        case
            when moved.{{ cut }} is not distinct from moved.{{ cut }}_before then false
            when moved.{{ cut }} is null or moved.{{ cut }}_before is null then measured.{{ measure }} is not null
            else
                measured.{{ measure }} >= least(moved.{{ cut }}, moved.{{ cut }}_before)
                and measured.{{ measure }} <= greatest(moved.{{ cut }}, moved.{{ cut }}_before)
        end{{ ' or' if not loop.last }}
        {%- endfor %}
    {{- ' union all' if not loop.last }}
    {%- endfor %}
),
{% else %}
customers as (
    select customer_id from {{ ref('int_customer_snapshots') }}
    where false
),
{% endif %}
final as (
    select distinct customer_id from customers
)

select * from final
