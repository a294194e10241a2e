{#- Bound of Wilson's score interval of a proportion (Wilson 1927); `sign` is `-` for the lower, `+` for the upper one. -#}
{% macro wilson_bound(successes, trials, z, sign) -%}
    (
        ({{ successes }} + {{ z }} * {{ z }} / 2.0) {{ sign }}
        {{ z }} * sqrt(
            cast({{ successes }} as double) * ({{ trials }} - {{ successes }}) / nullif({{ trials }}, 0)
            + {{ z }} * {{ z }} / 4.0
        )
    ) / ({{ trials }} + {{ z }} * {{ z }})
{%- endmacro %}
