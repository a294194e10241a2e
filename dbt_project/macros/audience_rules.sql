{#- Whether the audience that `audience` names has its rule hold for a row of `relation`, by the version in force on
    `on_day`; `steps` are those of `policy_rule_steps`. A rule `true` costs nothing. -#}
{% macro audience_rule_holds(steps, audience, on_day, relation) -%}
    case {{ audience }}
        when '' then true
    {%- for rule in steps | map(attribute='rule') | unique | sort %}
        {%- set condition = rule_holds(steps, rule, on_day, relation) | trim %}
        {%- if condition != 'true' %}
        when '{{ rule }}' then {{ condition }}
        {%- endif %}
    {%- endfor %}
        else true
    end
{%- endmacro %}

{#- The profile column that dates each audience of the trigger `profile`, by the version in force on the day of
    evaluation: a mapping from audience to column. The columns are checked before the run. -#}
{% macro audience_since_columns() -%}
    {%- set columns = {} -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(database=target.database, schema='policy', identifier='audiences') -%}
        {%- set as_of = adapter.get_relation(database=target.database, schema='intermediate', identifier='int_as_of') -%}
        {%- if relation is not none and as_of is not none -%}
            {%- set query -%}
                select
                    audiences.audience,
                    audiences.since_column
                from {{ relation }} as audiences
                inner join {{ as_of }} as as_of on audiences.valid_from <= as_of.as_of_date
                where audiences.trigger = 'profile'
                order by audiences.audience, audiences.valid_from
            {%- endset -%}
            {%- for row in run_query(query) -%}
                {%- do columns.update({row['audience']: row['since_column']}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(columns) }}
{%- endmacro %}
