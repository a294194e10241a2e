{#- A policy seed's rows in force on each day of evaluation, a column per key and value: `<key>_<value>`. Each key has
    versions of its own; days before its first version use the first. `days` is a relation with `evaluated_on`, which is
    called `policy_day` in the result. -#}
{% macro policy_by_day(seed, key, keys, value_columns, days) -%}
    select
        in_force.evaluated_on as policy_day,
        {%- for name in keys %}
        {%- set last_key = loop.last %}
        {%- for value in value_columns %}
        max(case when in_force.{{ key }} = '{{ name }}' then in_force.{{ value }} end) as {{ name }}_{{ value }}{{ '' if last_key and loop.last else ',' }}
        {%- endfor %}
        {%- endfor %}
    from (
        select
            days.evaluated_on,
            rows_of_seed.*,
            row_number() over (
                partition by days.evaluated_on, rows_of_seed.{{ key }}
                order by
                    case when rows_of_seed.valid_from <= days.evaluated_on then rows_of_seed.valid_from end desc nulls last,
                    rows_of_seed.valid_from asc
            ) as age
        from {{ days }} as days
        cross join {{ ref(seed) }} as rows_of_seed
    ) as in_force
    where in_force.age = 1
    group by in_force.evaluated_on
{%- endmacro %}
