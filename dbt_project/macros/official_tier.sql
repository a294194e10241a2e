{#- Which scheme of `tier_schemes` is official, as a list of mappings from the day it became so (`valid_from`) to `scheme`,
    newest first. A version of a scheme says by its `official` column whether it is. -#}
{% macro official_schemes() -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(database=target.database, schema='policy', identifier='tier_schemes') -%}
        {%- if relation is not none -%}
            {%- set query -%}
                select distinct
                    cast(valid_from as varchar(10)) as valid_from,
                    scheme,
                    official
                from {{ relation }}
                order by 1, 2
            {%- endset -%}
            {%- set rows = run_query(query).rows -%}
            {%- set official = {} -%}
            {%- for day in rows | map(attribute='valid_from') | unique -%}
                {%- for row in rows if row['valid_from'] == day -%}
                    {%- do official.update({row['scheme']: row['official']}) -%}
                {%- endfor -%}
                {%- for scheme, is_official in official.items() if is_official -%}
                    {%- do found.insert(0, {'valid_from': day, 'scheme': scheme}) -%}
                {%- endfor -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}

{#- Name of the scheme that is official on `on_day`; days before the first version use the first. -#}
{% macro official_scheme_on(schemes, on_day) -%}
    {%- if schemes -%}
        case
        {%- for version in schemes %}
            when {{ on_day ~ " >= cast('" ~ version['valid_from'] ~ "' as date)" if not loop.last else 'true' }} then '{{ version['scheme'] }}'
        {%- endfor %}
        end
    {%- else -%}
        cast(null as varchar(200))
    {%- endif -%}
{%- endmacro %}

{#- The customer's tier in the scheme that the column `scheme` names, from the columns of `relation`. -#}
{% macro tier_in(schemes, scheme, relation) -%}
    {%- if schemes -%}
        case {{ scheme }}
        {%- for name in schemes | map(attribute='scheme') | unique %}
            when '{{ name }}' then {{ relation }}.{{ 'rfm_segment' if name == 'rfm' else name }}
        {%- endfor %}
        end
    {%- else -%}
        cast(null as varchar(200))
    {%- endif -%}
{%- endmacro %}
