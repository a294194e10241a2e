{#- A number from 0 (in) to 1 (out) that depends on `text` alone, evenly spread: the first 32 bits of its MD5. The same
    on every engine, in every run and in Python, so a draw can be repeated by anybody. -#}
{% macro stable_share(text) -%}
    {{ return(adapter.dispatch('stable_share', 'customer360')(text)) }}
{%- endmacro %}

{% macro default__stable_share(text) -%}
    (cast(conv(substr(md5({{ text }}), 1, 8), 16, 10) as double) / 4294967296.0)
{%- endmacro %}

{% macro duckdb__stable_share(text) -%}
    (cast(cast('0x' || substr(md5({{ text }}), 1, 8) as bigint) as double) / 4294967296.0)
{%- endmacro %}
