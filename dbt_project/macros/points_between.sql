{#- Where a value lies between two bounds: 0 up to `zero_at`, 1 from `full_at` on; either bound may be the greater.
    Empty for an empty value, which `greatest` and `least` would pass over. -#}
{% macro points_between(value, zero_at, full_at) -%}
    case
        when {{ value }} is not null
            then least(greatest(({{ value }} - {{ zero_at }}) / nullif({{ full_at }} - {{ zero_at }}, 0), 0), 1)
    end
{%- endmacro %}
