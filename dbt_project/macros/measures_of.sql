{#- Columns of one branch of a union in which each branch adds to some of the measures: those that are columns of the
    branch (`own`, of relation `of`, with `times` a factor), those that `given` says how to get, and 0 for the rest. -#}
{% macro measures_of(measures, own=[], of='', times='', given={}) -%}
    {%- for measure in measures %}
    {%- if measure in given %}
    {{ given[measure] }} as {{ measure }}
    {%- elif measure in own %}
    {{ times ~ ' * ' if times }}{{ of ~ '.' if of }}{{ measure }}{{ ' as ' ~ measure if times }}
    {%- else %}
    0 as {{ measure }}
    {%- endif %}
    {{- ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
