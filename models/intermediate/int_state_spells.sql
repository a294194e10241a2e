{%- set views = ['rfm_segment', 'lifecycle_stage'] %}
with

states as (
    select
        customer_id,
        evaluated_on,
        rfm_segment,
        lifecycle_stage
    from {{ ref('int_customer_states') }}
),

compared as (
    select
        customer_id,
        evaluated_on
        {%- for view in views %},
        {{ view }},
        lag({{ view }}) over (partition by customer_id order by evaluated_on) as previous_{{ view }}
        {%- endfor %}
    from states
),

spells as (
    select
        customer_id
        {%- for view in views %},
        coalesce(
            max(case when {{ view }} <> previous_{{ view }} then evaluated_on end),
            min(evaluated_on)
        ) as {{ view }}_since,
        max_by(
            previous_{{ view }}, case when {{ view }} <> previous_{{ view }} then evaluated_on end
        ) as previous_{{ view }}
        {%- endfor %}
    from compared
    group by customer_id
)

select * from spells
