{#- Four aggregates: the cut points of `column` by the settings `scoring`, named `<name>_first_cut` and so on. -#}
{% macro cut_points(column, name, scoring) -%}
    {%- for cut in ['first_cut', 'second_cut', 'third_cut', 'fourth_cut'] -%}
        {{ quantile_type_7(column, scoring.get(cut, '0.5')) }} + {{ scoring.get('cut_offset', '0') }} as {{ name }}_{{ cut }}
        {{- ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Score 1 to 5: one plus the number of cut points that do not exceed the value; reversed where less is better. -#}
{% macro score_by_cuts(value, cuts, reverse=false) -%}
    {{ '5 - (' if reverse else '1 + (' }}
            {%- for cut in ['first_cut', 'second_cut', 'third_cut', 'fourth_cut'] -%}
                case when {{ cuts }}_{{ cut }} <= {{ value }} then 1 else 0 end {{ '+ ' if not loop.last }}
            {%- endfor -%}
            )
{%- endmacro %}
