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

{#- Aggregate: the texts of `expression` in order, with commas between; empty values are left out. -#}
{% macro joined_text(expression) -%}
    {{ return(adapter.dispatch('joined_text')(expression)) }}
{%- endmacro %}

{% macro default__joined_text(expression) -%}
    array_join(sort_array(collect_list({{ expression }})), ', ')
{%- endmacro %}

{% macro duckdb__joined_text(expression) -%}
    string_agg({{ expression }}, ', ' order by {{ expression }})
{%- endmacro %}
