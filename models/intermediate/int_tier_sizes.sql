{%- set placements = schemes() + lifecycle_views() %}
with

combinations as (
    select
        evaluated_on,
        {%- for placement in placements %}
        {{ placement['column'] }},
        {%- endfor %}
        count(*) as customers,
        sum(window_spend) as window_spend,
        sum(profit_365d) as profit,
        sum(total_spend) as total_spend
    from {{ ref('int_customer_states') }}
    group by
        {%- for placement in placements %}
        {{ placement['column'] }},
        {%- endfor %}
        evaluated_on
),

sizes as (
    {%- for placement in placements %}
    select
        evaluated_on,
        '{{ placement['scheme'] }}' as scheme,
        {{ placement['column'] }} as tier,
        cast(sum(customers) as integer) as customers,
        cast(sum(window_spend) as decimal(38, 4)) as window_spend,
        cast(sum(profit) as decimal(38, 4)) as profit,
        cast(sum(total_spend) as decimal(38, 4)) as total_spend
    from combinations
    group by
        evaluated_on,
        {{ placement['column'] }}
    {{- ' union all' if not loop.last }}
    {%- endfor %}
)

select * from sizes
