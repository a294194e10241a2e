{#- The rules of a policy seed as a list of mappings, one per condition: `scheme`, `valid_from`, `position`,
    `outcome`, `metric`, `at_least`, `below`.

    Call it at the top of a model and hand the list to `first_that_holds`: so a unit test can give its own
    rules by overriding this macro, and a changed policy never breaks a test. The seed must be built before the
    model; `-- depends_on` in the model says so to dbt. It is read by name, not by ref(), which in a
    unit test would be a fixture. -#}
{% macro policy_rules(seed, scheme='scheme', outcome='tier') -%}
    {%- set rules = [] -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(database=target.database, schema='policy', identifier=seed) -%}
        {%- if relation is none and flags.WHICH in ['run', 'build'] -%}
            {{ exceptions.raise_compiler_error("Policy table policy." ~ seed ~ " is missing: run `dbt seed` first.") }}
        {%- elif relation is not none -%}
            {%- set query -%}
                select
                    {{ scheme }} as scheme,
                    cast(valid_from as varchar(10)) as valid_from,
                    position,
                    {{ outcome }} as outcome,
                    metric,
                    cast(at_least as varchar(30)) as at_least,
                    cast(below as varchar(30)) as below
                from {{ relation }}
                order by valid_from, position, metric
            {%- endset -%}
            {%- for row in run_query(query) -%}
                {%- do rules.append({
                    'scheme': row['scheme'],
                    'valid_from': row['valid_from'],
                    'position': row['position'] | int,
                    'outcome': row['outcome'],
                    'metric': row['metric'],
                    'at_least': row['at_least'],
                    'below': row['below'],
                }) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(rules) }}
{%- endmacro %}

{#- A case expression over the metric columns: the outcome of the first position of `scheme` whose conditions all
    hold, by the version of the policy in force on `on_day` (days before the first version use the first).
    `show='rule'` gives the conditions as text instead: why the row got its outcome. -#}
{% macro first_that_holds(rules, scheme, on_day, show='outcome') -%}
    {%- set mine = [] -%}
    {%- for rule in rules if rule['scheme'] == scheme -%}
        {%- do mine.append(rule) -%}
    {%- endfor -%}
    {%- if not mine -%}
        {%- if execute and flags.WHICH in ['run', 'build'] -%}
            {{ exceptions.raise_compiler_error("No policy rows for scheme `" ~ scheme ~ "`: see seeds/policy.") }}
        {%- endif -%}
        cast(null as varchar(200))
    {%- else -%}
        {%- set versions = mine | map(attribute='valid_from') | unique | sort(reverse=true) | list -%}
        case
        {%- for version in versions %}
            {%- set positions = mine | selectattr('valid_from', 'equalto', version) | map(attribute='position') | unique | sort | list %}
            when {{ on_day ~ " >= cast('" ~ version ~ "' as date)" if not loop.last else 'true' }} then case
            {%- for position in positions %}
                {%- set conditions = [] -%}
                {%- set found = namespace(outcome=none) -%}
                {%- for rule in mine if rule['valid_from'] == version and rule['position'] == position -%}
                    {%- set found.outcome = rule['outcome'] -%}
                    {%- if rule['metric'] and rule['at_least'] is not none -%}
                        {%- do conditions.append(rule['metric'] ~ ' >= ' ~ plain_number(rule['at_least'])) -%}
                    {%- endif -%}
                    {%- if rule['metric'] and rule['below'] is not none -%}
                        {%- do conditions.append(rule['metric'] ~ ' < ' ~ plain_number(rule['below'])) -%}
                    {%- endif -%}
                {%- endfor -%}
                {%- set text = conditions | join(' and ') or 'none of the above' %}
                when {{ conditions | join(' and ') or 'true' }} then '{{ found.outcome if show == 'outcome' else text }}'
            {%- endfor %}
            end
        {%- endfor %}
        end
    {%- endif -%}
{%- endmacro %}

{#- `50000.0000` as `50000`: what a person wrote in the policy. -#}
{% macro plain_number(value) -%}
    {%- set text = value | string -%}
    {{ return(text.rstrip('0').rstrip('.') if '.' in text else text) }}
{%- endmacro %}

{#- The settings of a policy seed in force on as-of, as a mapping from setting to number. -#}
{% macro policy_settings(seed) -%}
    {%- set settings = {} -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(database=target.database, schema='policy', identifier=seed) -%}
        {%- set as_of = adapter.get_relation(database=target.database, schema='intermediate', identifier='int_as_of') -%}
        {%- if relation is none and flags.WHICH in ['run', 'build'] -%}
            {{ exceptions.raise_compiler_error("Policy table policy." ~ seed ~ " is missing: run `dbt seed` first.") }}
        {%- elif relation is not none and as_of is not none -%}
            {%- set query -%}
                select
                    settings.setting,
                    cast(settings.value as varchar(30)) as value
                from {{ relation }} as settings
                cross join {{ as_of }} as as_of
                order by
                    settings.setting,
                    case when settings.valid_from <= as_of.as_of_date then settings.valid_from end nulls first,
                    settings.valid_from desc
            {%- endset -%}
            {%- for row in run_query(query) -%}
                {%- do settings.update({row['setting']: plain_number(row['value'])}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(settings) }}
{%- endmacro %}

{#- Every version of the settings of a policy seed, as a list of mappings `setting`, `valid_from`, `value`, for
    `setting_on`. Call it at the top of a model, as `policy_rules`. -#}
{% macro policy_setting_versions(seed) -%}
    {%- set versions = [] -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(database=target.database, schema='policy', identifier=seed) -%}
        {%- if relation is none and flags.WHICH in ['run', 'build'] -%}
            {{ exceptions.raise_compiler_error("Policy table policy." ~ seed ~ " is missing: run `dbt seed` first.") }}
        {%- elif relation is not none -%}
            {%- set query -%}
                select
                    setting,
                    cast(valid_from as varchar(10)) as valid_from,
                    cast(value as varchar(30)) as value
                from {{ relation }}
                order by setting, valid_from
            {%- endset -%}
            {%- for row in run_query(query) -%}
                {%- do versions.append({
                    'setting': row['setting'],
                    'valid_from': row['valid_from'],
                    'value': plain_number(row['value']),
                }) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(versions) }}
{%- endmacro %}

{#- The value of `setting` in force on `on_day` (a column or expression): one number, or a case expression where policy
    changed it. Days before the first version use the first. -#}
{% macro setting_on(versions, setting, on_day) -%}
    {%- set mine = versions | selectattr('setting', 'equalto', setting) | sort(attribute='valid_from', reverse=true) | list -%}
    {%- if not mine -%}
        {%- if execute and flags.WHICH in ['run', 'build'] -%}
            {{ exceptions.raise_compiler_error("No policy row for setting `" ~ setting ~ "`: see seeds/policy.") }}
        {%- endif -%}
        0
    {%- elif mine | length == 1 -%}
        {{ mine[0]['value'] }}
    {%- else -%}
        case
        {%- for version in mine %}
            when {{ on_day ~ " >= cast('" ~ version['valid_from'] ~ "' as date)" if not loop.last else 'true' }} then {{ version['value'] }}
        {%- endfor %}
        end
    {%- endif -%}
{%- endmacro %}

{#- The schemes that every customer is placed in: name, and column of `int_customer_states`. -#}
{% macro schemes() -%}
    {{ return([
        {'scheme': 'spend_tier', 'column': 'spend_tier'},
        {'scheme': 'value_layer', 'column': 'value_layer'},
        {'scheme': 'membership', 'column': 'membership'},
        {'scheme': 'service_class', 'column': 'service_class'},
        {'scheme': 'value_level', 'column': 'value_level'},
        {'scheme': 'behaviour_type', 'column': 'behaviour_type'},
        {'scheme': 'rfm', 'column': 'rfm_segment'},
    ]) }}
{%- endmacro %}

{#- The two views of the lifecycle: name, and column of `int_customer_states`. -#}
{% macro lifecycle_views() -%}
    {{ return([
        {'scheme': 'stage', 'column': 'lifecycle_stage'},
        {'scheme': 'funnel', 'column': 'funnel_stage'},
    ]) }}
{%- endmacro %}

{#- The metrics a scheme decides by, as a JSON text of name and value: those of the version in force on `on_day`. -#}
{% macro deciding_metrics(rules, scheme, on_day) -%}
    {%- set mine = rules | selectattr('scheme', 'equalto', scheme) | list -%}
    {%- set versions = mine | map(attribute='valid_from') | unique | sort(reverse=true) | list -%}
    {%- if not mine -%}
        cast(null as varchar(200))
    {%- else -%}
        case
        {%- for version in versions %}
            {%- set metrics = mine | selectattr('valid_from', 'equalto', version) | map(attribute='metric') | select | unique | sort | list %}
            when {{ on_day ~ " >= cast('" ~ version ~ "' as date)" if not loop.last else 'true' }}
                then '{'
                {%- for metric in metrics %} || '{{ ', ' if not loop.first }}"{{ metric }}": ' || coalesce(cast({{ metric }} as varchar(50)), 'null')
                {%- endfor %} || '}'
        {%- endfor %}
        end
    {%- endif -%}
{%- endmacro %}

{#- The schemes of `rules` that only a customer's own purchases decide, so that the very day of a change is known.
    Every other scheme depends on other customers or on rates, and is known by day of evaluation. -#}
{% macro exact_schemes(rules) -%}
    {%- set exact = [] -%}
    {%- set by_purchases = ['window_purchases', 'window_spend', 'total_purchases', 'total_spend', 'units_bought'] -%}
    {%- for scheme in schemes() -%}
        {%- set metrics = rules | selectattr('scheme', 'equalto', scheme['scheme']) | map(attribute='metric') | select | list -%}
        {%- if metrics and metrics | reject('in', by_purchases) | list | length == 0 -%}
            {%- do exact.append(scheme['scheme']) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(exact) }}
{%- endmacro %}
