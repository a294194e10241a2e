{#- The patterns by which personal data is recognised in free text, from policy.personal_data_patterns. Call it at the
    top of a model, as `policy_rules`; `-- depends_on` tells dbt that the seed comes first. -#}
{% macro personal_data_patterns() -%}
    {%- set patterns = [] -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(
            database=target.database, schema='policy', identifier='personal_data_patterns'
        ) -%}
        {%- if relation is none and flags.WHICH in ['run', 'build'] -%}
            {{ exceptions.raise_compiler_error("Policy table policy.personal_data_patterns is missing: run `dbt seed` first.") }}
        {%- elif relation is not none -%}
            {%- for row in run_query("select regex from " ~ relation ~ " where applies_to = 'text' order by regex") -%}
                {%- do patterns.append(row['regex']) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(patterns) }}
{%- endmacro %}

{#- Free text with every number, mailbox or ID card in it replaced by stars: what a till wrote into a product name must
    neither be published nor stop the publication. -#}
{% macro redact(column, patterns) -%}
    {{ return(adapter.dispatch('redact', 'customer360')(column, patterns)) }}
{%- endmacro %}

{% macro default__redact(column, patterns) -%}
    {%- if not patterns -%}
        {{ column }}
    {%- else -%}
        {%- set ns = namespace(text=column) -%}
        {#- Twice, because a pattern takes the character beside the number with it and two numbers may share one. -#}
        {%- for pattern in patterns + patterns -%}
            {%- set ns.text = "regexp_replace(" ~ ns.text ~ ", '" ~ pattern | replace("'", "''") ~ "', '***', 'g')" -%}
        {%- endfor -%}
        {%- set any_pattern = "(?:" ~ patterns | join(")|(?:") | replace("'", "''") ~ ")" -%}
        case when regexp_matches({{ column }}, '{{ any_pattern }}') then {{ ns.text }} else {{ column }} end
    {%- endif -%}
{%- endmacro %}
