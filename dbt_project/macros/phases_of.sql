{#- Query: what a fact is added to (1) and taken away from (-1), and after how many days, one row for each set of windows and
    phase. `phases` are pairs of days, which may name columns of CTE `window_sets`, and one factor for each of `columns`. -#}
{% macro phases_of(columns, phases) -%}
    {%- for days_later, factors in phases %}
    {{- 'union all' if not loop.first }}
    select
        window_set,
        {{ days_later }} as days_later
        {%- for factor in factors %},
        {{ factor }} as {{ columns[loop.index0] }}
        {%- endfor %}
    from window_sets
    {% endfor %}
{%- endmacro %}
