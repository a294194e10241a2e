{#- A number that depends on the values of `columns` alone, NULL included; two rows that differ have the same one by an
    accident of 2^-64. Sums of it tell whether two sets of rows are the same. Not the same on every engine or release. -#}
{% macro row_hash(columns) -%}
    {{ return(adapter.dispatch('row_hash', 'customer360')(columns)) }}
{%- endmacro %}

{% macro default__row_hash(columns) -%}
    xxhash64({{ columns | join(', ') }})
{%- endmacro %}

{% macro duckdb__row_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}
