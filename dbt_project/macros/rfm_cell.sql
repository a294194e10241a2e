{#- The three scores side by side, e.g. `535`; empty for somebody who never bought. -#}
{% macro rfm_cell(relation) -%}
    cast({{ relation }}.r_score as varchar(1)) || cast({{ relation }}.f_score as varchar(1)) || cast({{ relation }}.m_score as varchar(1))
{%- endmacro %}
