{#- Quantile of `column` at the probability that `setting` had on `on_day` (a grouping column); `from_top` counts the
    share from the highest value down. A quantile's probability must be a constant, so each version has its own; `among`
    as in `quantile_type_7`. -#}
{% macro quantile_on(column, versions, setting, on_day, from_top=false, among=()) -%}
    {%- set mine = versions | selectattr('setting', 'equalto', setting) | sort(attribute='valid_from', reverse=true) | list -%}
    {%- if not mine -%}
        {{ quantile_type_7(column, '0.5') }}
    {%- elif mine | length == 1 -%}
        {{ quantile_type_7(column, ('1 - ' if from_top else '') ~ mine[0]['value'], among) }}
    {%- else -%}
        case
        {%- for version in mine %}
            when {{ on_day ~ " >= cast('" ~ version['valid_from'] ~ "' as date)" if not loop.last else 'true' }}
                then {{ quantile_type_7(column, ('1 - ' if from_top else '') ~ version['value'], among) }}
        {%- endfor %}
        end
    {%- endif -%}
{%- endmacro %}

{#- Four aggregates: the cut points of `column` by the settings `scoring` in force on `on_day`, named `<name>_first_cut`
    and so on. -#}
{% macro cut_points(column, name, scoring, on_day) -%}
    {%- set cuts = ['first_cut', 'second_cut', 'third_cut', 'fourth_cut'] -%}
    {%- set among = scoring | selectattr('setting', 'in', cuts) | map(attribute='value') | map('string') | unique | list -%}
    {%- for cut in cuts -%}
        {{ quantile_on(column, scoring, cut, on_day, among=among) }} + {{ setting_on(scoring, 'cut_offset', on_day) }} as {{ name }}_{{ cut }}
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
