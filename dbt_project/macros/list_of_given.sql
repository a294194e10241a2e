{#- A list of the expressions that are not empty, in the order given. -#}
{% macro list_of_given(expressions) -%}
    {{ return(adapter.dispatch('list_of_given', 'customer360')(expressions)) }}
{%- endmacro %}

{% macro default__list_of_given(expressions) -%}
    filter(array({{ expressions | join(', ') }}), element -> element is not null)
{%- endmacro %}

{% macro duckdb__list_of_given(expressions) -%}
    list_filter([{{ expressions | join(', ') }}], lambda element: element is not null)
{%- endmacro %}
