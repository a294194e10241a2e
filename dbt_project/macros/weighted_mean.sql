{#- Mean of the scores that are known by their weights, from pairs `(score, weight)`; empty where none is known. -#}
{% macro weighted_mean(parts) -%}
    (
        {%- for score, weight in parts %}
        {{ '+ ' if not loop.first }}coalesce({{ score }} * {{ weight }}, 0)
        {%- endfor %}
    ) / nullif(
        {%- for score, weight in parts %}
        {{ '+ ' if not loop.first }}case when {{ score }} is not null then {{ weight }} else 0 end
        {%- endfor %},
        0
    )
{%- endmacro %}
