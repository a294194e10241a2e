{#- The rules of a policy table as a list of steps, `rule`, `valid_from`, `position`, `step`, `column_name`,
    `comparison`, `value_type`, `operands`: what Python parsed and checked (`orchestration/warehouse/rule_tables.py`) and
    wrote into policy.rule_steps. `name` and `text` are the seed's columns of a rule's name and its text, `also` one
    more column that each step carries, e.g. a weight.

    Call it at the top of a model, with `-- depends_on` the seed, and hand the list to `rule_holds`. A rule that was
    edited after it was checked stops the run. -#}
{% macro policy_rule_steps(seed, name, text='rule', also=none) -%}
    {%- set steps = [] -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(database=target.database, schema='policy', identifier=seed) -%}
        {%- set checked = adapter.get_relation(database=target.database, schema='policy', identifier='rule_steps') -%}
        {%- if (relation is none or checked is none) and flags.WHICH in ['run', 'build'] -%}
            {{ exceptions.raise_compiler_error("The rules of policy." ~ seed ~ " are not in the database: run `c360 refresh`, or dbt by `c360 dbt`.") }}
        {%- elif relation is not none and checked is not none -%}
            {%- set query -%}
                select
                    rules.{{ name }} as rule,
                    cast(rules.valid_from as varchar(10)) as valid_from,
                    {{ 'cast(rules.' ~ also ~ ' as varchar(30))' if also else 'null' }} as also,
                    steps.position,
                    steps.step,
                    steps.column_name,
                    steps.comparison,
                    steps.value_type,
                    steps.operands
                from {{ relation }} as rules
                left join {{ checked }} as steps
                    on
                        steps.policy = '{{ seed }}'
                        and trim(rules.{{ name }}) = steps.rule
                        and rules.valid_from = steps.valid_from
                        and trim(rules.{{ text }}) = steps.rule_text
                order by rules.{{ name }}, rules.valid_from, steps.position
            {%- endset -%}
            {%- for row in run_query(query) -%}
                {%- if row['position'] is none -%}
                    {{ exceptions.raise_compiler_error("The rule " ~ row['rule'] ~ " of policy." ~ seed ~ " was not checked: run `c360 refresh`, or dbt by `c360 dbt`.") }}
                {%- endif -%}
                {%- do steps.append({
                    'rule': row['rule'],
                    'valid_from': row['valid_from'],
                    'also': row['also'],
                    'position': row['position'] | int,
                    'step': row['step'],
                    'column_name': row['column_name'],
                    'comparison': row['comparison'],
                    'value_type': row['value_type'],
                    'operands': fromjson(row['operands']),
                }) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(steps) }}
{%- endmacro %}

{#- Whether `rule` holds for a row of `relation`, by the version in force on `on_day` (days before the first version use
    the first). True or false, never empty. -#}
{% macro rule_holds(steps, rule, on_day, relation) -%}
    {%- set mine = steps | selectattr('rule', 'equalto', rule) | list -%}
    {%- set versions = mine | map(attribute='valid_from') | unique | sort(reverse=true) | list -%}
    {%- if not mine -%}
        false
    {%- elif versions | length == 1 -%}
        {{ rule_condition(mine, relation) }}
    {%- else -%}
        case
        {%- for version in versions %}
            {%- set condition = rule_condition(mine | selectattr('valid_from', 'equalto', version) | list, relation) %}
            when {{ on_day ~ " >= cast('" ~ version ~ "' as date)" if not loop.last else 'true' }} then {{ condition }}
        {%- endfor %}
        end
    {%- endif -%}
{%- endmacro %}

{#- The name of the first rule that holds, by the number in `also` of its newest version; empty where none does. -#}
{% macro first_rule_that_holds(steps, on_day, relation) -%}
    {%- set ranks = [] -%}
    {%- for rule in steps | map(attribute='rule') | unique -%}
        {%- set newest = steps | selectattr('rule', 'equalto', rule) | sort(attribute='valid_from') | last -%}
        {%- do ranks.append({'rule': rule, 'rank': newest['also'] | float}) -%}
    {%- endfor -%}
    {%- if not ranks -%}
        cast(null as varchar(200))
    {%- else -%}
        case
        {%- for ranked in ranks | sort(attribute='rank') %}
            when {{ rule_holds(steps, ranked['rule'], on_day, relation) }} then {{ text_literal(ranked['rule']) }}
        {%- endfor %}
        end
    {%- endif -%}
{%- endmacro %}

{#- The weights (`also`) of the rules that hold by the weights of all rules, in percent, each by the version in force. -#}
{% macro weight_that_holds(steps, on_day, relation) -%}
    {%- set held, total = [], [] -%}
    {%- for rule in steps | map(attribute='rule') | unique -%}
        {%- set mine = steps | selectattr('rule', 'equalto', rule) | list -%}
        {%- set versions = mine | map(attribute='valid_from') | unique | sort(reverse=true) | list -%}
        {%- set weight = ['case'] -%}
        {%- for version in versions -%}
            {%- set begun = on_day ~ " >= cast('" ~ version ~ "' as date)" if not loop.last else 'true' -%}
            {%- do weight.append('when ' ~ begun ~ ' then ' ~ (mine | selectattr('valid_from', 'equalto', version) | first)['also']) -%}
        {%- endfor -%}
        {%- do weight.append('end') -%}
        {%- do total.append(weight | join(' ')) -%}
        {%- do held.append('case when ' ~ rule_holds(steps, rule, on_day, relation) ~ ' then ' ~ weight | join(' ') ~ ' else 0 end') -%}
    {%- endfor -%}
    {%- if not held -%}
        0
    {%- else -%}
        100.0 * ({{ held | join('\n            + ') }}) / nullif({{ total | join(' + ') }}, 0)
    {%- endif -%}
{%- endmacro %}

{#- The names of all rules that hold for a row of `relation`, as a list in order of name. -#}
{% macro rules_that_hold(steps, on_day, relation) -%}
    {%- set outcomes = [] -%}
    {%- for rule in steps | map(attribute='rule') | unique | sort -%}
        {%- do outcomes.append({'text': rule, 'condition': rule_holds(steps, rule, on_day, relation)}) -%}
    {%- endfor -%}
    {{ return(list_where(outcomes)) }}
{%- endmacro %}

{#- The steps of one version of one rule, in postfix order, as one condition. -#}
{% macro rule_condition(steps, relation) -%}
    {%- set pile = [] -%}
    {%- for step in steps | sort(attribute='position') -%}
        {%- if step['step'] == 'test' -%}
            {%- do pile.append(rule_test(step, relation)) -%}
        {%- elif step['step'] == 'constant' -%}
            {%- do pile.append('true' if step['operands'][0] == 'true' else 'false') -%}
        {%- elif step['step'] == 'not' -%}
            {%- do pile.append('(not ' ~ pile.pop() ~ ')') -%}
        {%- else -%}
            {%- set right = pile.pop() -%}
            {%- do pile.append('(' ~ pile.pop() ~ ' ' ~ step['step'] ~ ' ' ~ right ~ ')') -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(pile[0]) }}
{%- endmacro %}

{#- One test. A test of an empty value does not hold. -#}
{% macro rule_test(step, relation) -%}
    {%- set column = relation ~ '.' ~ step['column_name'] -%}
    {%- if step['comparison'] == 'is null' -%}
        {%- set test = column ~ ' is null' -%}
    {%- else -%}
        {%- set values = [] -%}
        {%- for operand in step['operands'] -%}
            {%- do values.append(rule_value(operand, step['value_type'], relation)) -%}
        {%- endfor -%}
        {%- if step['comparison'] == 'contains' -%}
            {%- set test = 'coalesce(' ~ list_contains(column, values[0]) ~ ', false)' -%}
        {%- elif step['comparison'] == 'in' -%}
            {%- set test = 'coalesce(' ~ column ~ ' in (' ~ values | join(', ') ~ '), false)' -%}
        {%- else -%}
            {%- set test = 'coalesce(' ~ column ~ ' ' ~ step['comparison'] ~ ' ' ~ values[0] ~ ', false)' -%}
        {%- endif -%}
    {%- endif -%}
    {{ return('(' ~ test ~ ')') }}
{%- endmacro %}

{#- A checked value as SQL of its type. -#}
{% macro rule_value(operand, value_type, relation) -%}
    {%- if value_type == 'number' or value_type == 'boolean' -%}
        {{ return(operand) }}
    {%- elif value_type == 'column' -%}
        {{ return(relation ~ '.' ~ operand) }}
    {%- elif value_type == 'text' -%}
        {{ return(text_literal(operand)) }}
    {%- else -%}
        {{ return("cast(" ~ text_literal(operand) ~ " as " ~ value_type ~ ")") }}
    {%- endif -%}
{%- endmacro %}

{#- A text as a literal, whatever it holds. -#}
{% macro text_literal(value) -%}
    {{ return(adapter.dispatch('text_literal')(value)) }}
{%- endmacro %}

{% macro default__text_literal(value) -%}
    {{ return("'" ~ value | replace('\\', '\\\\') | replace("'", "\\'") ~ "'") }}
{%- endmacro %}

{% macro duckdb__text_literal(value) -%}
    {{ return("'" ~ value | replace("'", "''") ~ "'") }}
{%- endmacro %}

{#- Whether a list holds a value. -#}
{% macro list_contains(list, value) -%}
    {{ return(adapter.dispatch('list_contains')(list, value)) }}
{%- endmacro %}

{% macro default__list_contains(list, value) -%}
    array_contains({{ list }}, {{ value }})
{%- endmacro %}

{% macro duckdb__list_contains(list, value) -%}
    list_contains({{ list }}, {{ value }})
{%- endmacro %}

{#- A list of the texts of `outcomes` (mappings of `text` and `condition`) whose condition holds, in their order. -#}
{% macro list_where(outcomes) -%}
    {{ return(adapter.dispatch('list_where')(outcomes)) }}
{%- endmacro %}

{% macro default__list_where(outcomes) -%}
    cast(filter(array(
        {%- for outcome in outcomes %}
        case when {{ outcome['condition'] }} then {{ text_literal(outcome['text']) }} end{{ ',' if not loop.last }}
        {%- endfor %}
    ), outcome -> outcome is not null) as array<string>)
{%- endmacro %}

{% macro duckdb__list_where(outcomes) -%}
    cast(list_filter([
        {%- for outcome in outcomes %}
        case when {{ outcome['condition'] }} then {{ text_literal(outcome['text']) }} end{{ ',' if not loop.last }}
        {%- endfor %}
    ], lambda outcome: outcome is not null) as varchar[])
{%- endmacro %}

{#- One row per entry of a list column; rows whose list is empty fall out. -#}
{% macro each_of(list) -%}
    {{ return(adapter.dispatch('each_of')(list)) }}
{%- endmacro %}

{% macro default__each_of(list) -%}
    explode({{ list }})
{%- endmacro %}

{% macro duckdb__each_of(list) -%}
    unnest({{ list }})
{%- endmacro %}

{#- The texts of a group as a list, ordered by a number. -#}
{% macro list_in_order(text, number) -%}
    {{ return(adapter.dispatch('list_in_order')(text, number)) }}
{%- endmacro %}

{% macro default__list_in_order(text, number) -%}
    transform(array_sort(collect_list(struct({{ number }} as place, {{ text }} as entry))), item -> item.entry)
{%- endmacro %}

{% macro duckdb__list_in_order(text, number) -%}
    list({{ text }} order by {{ number }})
{%- endmacro %}
