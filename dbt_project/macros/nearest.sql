{#- To each question the nearest of the same customer's facts in time. Questions and facts are put in one order and gone
    through once: joined by customer alone every question meets every fact, and a card that stands in for whoever has
    none may hold a hundred thousand of both. -#}

{#- The first of `facts` at or after each of `questions`, as `happened_at`. One row per question that has one.

    Both name a relation with `customer_id`; `asked_at` and `happened_at` are expressions of one type, `columns` those of
    the questions to be kept. -#}
{% macro first_since(questions, columns, asked_at, facts, happened_at) -%}
    {{ nearest(questions, columns, asked_at, facts, happened_at, 'min', 'desc') }}
{%- endmacro %}

{#- The last of `facts` at or before each of `questions`, as `first_since` has it. -#}
{% macro last_until(questions, columns, asked_at, facts, happened_at) -%}
    {{ nearest(questions, columns, asked_at, facts, happened_at, 'max', 'asc') }}
{%- endmacro %}

{% macro nearest(questions, columns, asked_at, facts, happened_at, extreme, direction) -%}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        happened_at
    from (
        select
            *,
            {{ extreme }}(fact_at) over (partition by customer_id order by moment {{ direction }}) as happened_at
        from (
            select
                customer_id,
                {%- for column in columns if column != 'customer_id' %}
                {{ column }},
                {%- endfor %}
                true as is_question,
                {{ asked_at }} as moment,
                null as fact_at
            from {{ questions }}
            union all
            select
                customer_id,
                {%- for column in columns if column != 'customer_id' %}
                null as {{ column }},
                {%- endfor %}
                false as is_question,
                {{ happened_at }} as moment,
                {{ happened_at }} as fact_at
            from {{ facts }}
            where customer_id in (select asking.customer_id from {{ questions }} as asking)
        ) as in_order
    ) as found
    where is_question and happened_at is not null
{%- endmacro %}
