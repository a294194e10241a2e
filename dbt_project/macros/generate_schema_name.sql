{#- Exact schema names. A seed's schema is the folder it lies in: `policy` or `reference`. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if node.resource_type == 'seed' -%}
        {{ node.original_file_path.split('/')[-2] }}
    {%- else -%}
        {{ (custom_schema_name or target.schema) | trim }}
    {%- endif -%}
{%- endmacro %}
