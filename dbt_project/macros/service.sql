{#- How a survey answer scores a case, 0 to 100: satisfaction where it was asked, else the recommendation. -#}
{% macro survey_score(survey) -%}
    coalesce(({{ survey }}.csat - 1) * 25, {{ survey }}.nps * 10)
{%- endmacro %}

{#- 100 for a clock within its target, target by clock beyond it. -#}
{% macro timeliness(clock, target) -%}
    least(100, 100 * {{ target }} / nullif(greatest({{ clock }}, {{ target }}), 0))
{%- endmacro %}
