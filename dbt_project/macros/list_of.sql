{#- Aggregate: the values of `expression` in order, as a list; empty values are left out, and none gives an empty list. -#}
{% macro list_of(expression) -%}
    {{ return(adapter.dispatch('list_of')(expression)) }}
{%- endmacro %}

{% macro default__list_of(expression) -%}
    sort_array(collect_list({{ expression }}))
{%- endmacro %}

{% macro duckdb__list_of(expression) -%}
    coalesce(list({{ expression }} order by {{ expression }}) filter (where {{ expression }} is not null), [])
{%- endmacro %}
