{#- Quantile by linear interpolation between order statistics: type 7 of Hyndman and Fan, the default of R. -#}
{% macro quantile_type_7(column, probability) -%}
    {{ return(adapter.dispatch('quantile_type_7')(column, probability)) }}
{%- endmacro %}

{% macro default__quantile_type_7(column, probability) -%}
    percentile({{ column }}, {{ probability }})
{%- endmacro %}

{% macro duckdb__quantile_type_7(column, probability) -%}
    quantile_cont(cast({{ column }} as double), {{ probability }})
{%- endmacro %}

{#- Median of a numeric column. -#}
{% macro median_of(column) -%}
    {{ return(adapter.dispatch('median_of')(column)) }}
{%- endmacro %}

{% macro default__median_of(column) -%}
    percentile({{ column }}, 0.5)
{%- endmacro %}

{% macro duckdb__median_of(column) -%}
    median({{ column }})
{%- endmacro %}
