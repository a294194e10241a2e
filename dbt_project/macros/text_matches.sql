{#- The patterns of policy.suppression_signals in force on the day of evaluation. Call it at the top of a model, as
    `policy_rules`; `-- depends_on` tells dbt that the seed comes first. -#}
{% macro suppression_patterns() -%}
    {%- set patterns = [] -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(
            database=target.database, schema='policy', identifier='suppression_signals'
        ) -%}
        {%- set as_of = adapter.get_relation(database=target.database, schema='intermediate', identifier='int_as_of') -%}
        {%- if relation is none and flags.WHICH in ['run', 'build'] -%}
            {{ exceptions.raise_compiler_error("Policy table policy.suppression_signals is missing: run `dbt seed` first.") }}
        {%- elif relation is not none and as_of is not none -%}
            {%- set query -%}
                select signals.pattern
                from {{ relation }} as signals
                inner join {{ as_of }} as as_of on signals.valid_from <= as_of.as_of_date
                order by signals.pattern
            {%- endset -%}
            {%- for row in run_query(query) -%}
                {%- do patterns.append(row['pattern']) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(patterns) }}
{%- endmacro %}

{#- Whether any of the regular expressions is found in a text; false for an empty text. -#}
{% macro text_matches(text, patterns) -%}
    {{ return(adapter.dispatch('text_matches', 'customer360')(text, patterns)) }}
{%- endmacro %}

{% macro default__text_matches(text, patterns) -%}
    coalesce({{ text }} rlike '{{ any_of(patterns) }}', false)
{%- endmacro %}

{% macro duckdb__text_matches(text, patterns) -%}
    coalesce(regexp_matches({{ text }}, '{{ any_of(patterns) }}'), false)
{%- endmacro %}

{#- One expression for all; without a pattern, one that nothing matches. -#}
{% macro any_of(patterns) -%}
    {{ return('(?:' ~ patterns | join(')|(?:') | replace("'", "''") ~ ')' if patterns else '^\\b$') }}
{%- endmacro %}
