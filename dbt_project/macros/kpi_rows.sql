{#- One row per KPI and row of `cube`, for `measures` as a list of (kpi, numerator, denominator): columns
    `kpi, evaluated_on, tier, channel, numerator, denominator`. Rows that count nothing are left out. -#}
{% macro kpi_rows(cube, measures) -%}
    {%- for kpi, numerator, denominator in measures -%}
    select
        '{{ kpi }}' as kpi,
        evaluated_on,
        tier,
        channel,
        cast({{ numerator }} as decimal(28, 4)) as numerator,
        cast({{ denominator }} as decimal(28, 4)) as denominator
    from {{ cube }}
    where {{ numerator }} <> 0 or {{ denominator }} <> 0
    {%- if not loop.last %}
    union all
    {% endif -%}
    {%- endfor -%}
{%- endmacro %}
