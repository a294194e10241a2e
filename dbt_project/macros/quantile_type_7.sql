{#- Quantile by linear interpolation between order statistics: type 7 of Hyndman and Fan, the default of R. `among`: the
    probabilities of all quantiles that the same query takes of the column, if there are more. -#}
{% macro quantile_type_7(column, probability, among=()) -%}
    {{ return(adapter.dispatch('quantile_type_7')(column, probability, among)) }}
{%- endmacro %}

{% macro default__quantile_type_7(column, probability, among) -%}
    percentile({{ column }}, {{ probability }})
{%- endmacro %}

{#- DuckDB keeps all values for each quantile, but only once for those that stand in one list. -#}
{% macro duckdb__quantile_type_7(column, probability, among) -%}
    {%- if probability in among -%}
        quantile_cont(cast({{ column }} as double), [{{ among | join(', ') }}])[{{ among.index(probability) + 1 }}]
    {%- else -%}
        quantile_cont(cast({{ column }} as double), {{ probability }})
    {%- endif -%}
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
