{{ config(materialized='kept', due='changed', day='changed_on') }}
-- depends_on: {{ ref('int_customers_moved') }}
{%- set placements = schemes() + lifecycle_views() %}
with

before as (
    select
        customer_id,
        evaluated_on,
        {%- for placement in placements %}
        {{ placement['column'] }},
        lag({{ placement['column'] }}) over by_day as {{ placement['column'] }}_before,
        {%- endfor %}
        lag(evaluated_on) over by_day as evaluated_before_on
    from {{ ref('int_customer_states') }}
    where {{ is_due('changed', 'customer_id', 'evaluated_on', and_before=true) }}
    window by_day as (partition by customer_id order by evaluated_on)
),

changed as (
    select * from before
    where
        {{ is_due('changed', 'customer_id', 'evaluated_on') }}
        and (
            evaluated_before_on is null
            {%- for placement in placements %}
            or {{ placement['column'] }} <> {{ placement['column'] }}_before
            {%- endfor %}
        )
),

changes as (
    {%- for placement in placements %}
    select
        customer_id,
        '{{ placement['scheme'] }}' as scheme,
        evaluated_on as changed_on,
        {{ placement['column'] }} as tier,
        {{ placement['column'] }}_before as previous_tier
    from changed
    where evaluated_before_on is null or {{ placement['column'] }} <> {{ placement['column'] }}_before
    {{- ' union all' if not loop.last }}
    {%- endfor %}
)

select * from changes
