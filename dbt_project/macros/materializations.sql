{#- Tables and views, replaced in one statement.

    dbt's own materialisations build aside, rename twice, drop, read the columns back and comment on each in further
    calls; DuckDB replaces a relation inside its transaction, so readers see the old or the new one all the same.
    With a hundred small models those calls cost more than the models. #}
{% materialization table, adapter='duckdb', supported_languages=['sql'] -%}
    {{ return(replace_relation('table')) }}
{%- endmaterialization %}

{% materialization view, adapter='duckdb' -%}
    {{ return(replace_relation('view')) }}
{%- endmaterialization %}

{#- Replace the relation of this model, with its comments, and log `row_count <unique_id> <n>`: Dagster reads that
    from dbt's events. `also` are statements of the same transaction. Returns the relation as a materialisation does. -#}
{% macro replace_relation(type, also='') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type=type) -%}
    {{ run_hooks(pre_hooks) }}
    {%- if existing is not none and existing.type != type -%}
        {%- do drop_relation_if_exists(existing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        {{ replace_statement(target) }}
        {{ comment_statements(target) }}
        {{ also }}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {#- To count the rows of a view is to make them. -#}
    {%- if type == 'table' -%}
        {%- do log_row_count(target) -%}
    {%- endif -%}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target]}) }}
{%- endmacro %}

{% macro log_row_count(target) -%}
    {%- set _, counted = adapter.add_query('select count(*) as row_count from ' ~ target) -%}
    {%- do log('row_count ' ~ model.unique_id ~ ' ' ~ counted.fetchone()[0], info=true) -%}
{%- endmacro %}

{#- `create or replace` of this model; where its contract is enforced, with the columns the contract names. A
    published view has just them too. -#}
{% macro replace_statement(target) -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(sql) -%}
    {%- endif -%}
    {%- if target.type == 'view' -%}
        {#- Without the name of the database: a published view stands in a file of another name. #}
        create or replace view {{ target }} as (
            {{ sql | replace(adapter.quote(target.database) ~ '.', '') }}
        );
    {%- elif config.get('contract').enforced -%}
        create or replace table {{ target }}
        {{ get_table_columns_and_constraints() }};
        insert into {{ target }} {{ get_column_names() }} (
            {{ get_select_subquery(sql) }}
        );
    {%- else -%}
        create or replace table {{ target }} as (
            {{ sql }}
        );
    {%- endif -%}
{%- endmacro %}

{#- What the yml says of the relation and of each column, as `comment on` statements. -#}
{% macro comment_statements(target) -%}
    {%- if config.persist_relation_docs() and model.description %}
        {{ duckdb__alter_relation_comment(target, model.description) }}
    {%- endif -%}
    {%- if config.persist_column_docs() -%}
        {%- for column in model.columns.values() if column.description %}
            comment on column {{ target }}.{{ adapter.quote(column.name) }} is {{ duckdb_escape_comment(column.description) }};
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
