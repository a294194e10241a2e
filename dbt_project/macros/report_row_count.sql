{#- Log `row_count <unique_id> <n>` after a model is built: Dagster reads it from dbt's event stream,
    because a second connection could not open the file while dbt holds it. -#}
{% macro report_row_count(relation) -%}
    {%- if execute -%}
        {%- set rows = run_query('select count(*) as row_count from ' ~ relation).columns[0].values()[0] -%}
        {%- do log('row_count ' ~ model.unique_id ~ ' ' ~ rows, info=true) -%}
    {%- endif -%}
{%- endmacro %}
