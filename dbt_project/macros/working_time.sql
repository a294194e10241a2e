{#- Working time between two moments, from the prefix sums of `int_working_spans`: no row per minute or per hour.

    Each moment is looked up once: a left join of a span, by `in_span`, gives the one row of its day that holds it. -#}

{#- Minutes since midnight of a time written `9:00`, `09:00` or `24:00`. -#}
{% macro minute_of_day(time) -%}
    (cast(split_part({{ time }}, ':', 1) as integer) * 60 + cast(split_part({{ time }}, ':', 2) as integer))
{%- endmacro %}

{#- Seconds from midnight to a moment of the same day. -#}
{% macro second_of_day(moment) -%}
    cast(
        extract(hour from {{ moment }}) * 3600 + extract(minute from {{ moment }}) * 60
        + floor(extract(second from {{ moment }})) as integer
    )
{%- endmacro %}

{#- Whether the span (an alias of `int_working_spans`) is the one that holds `moment`. -#}
{% macro in_span(moment, span) -%}
    cast({{ moment }} as date) = {{ span }}.day
            and {{ second_of_day(moment) }} >= {{ span }}.starts_second
            and {{ second_of_day(moment) }} < {{ span }}.next_starts_second
{%- endmacro %}

{#- Working seconds from the first day of the calendar to `moment`, which lies in `span`. -#}
{% macro working_seconds_until(moment, span) -%}
    ({{ span }}.seconds_before + greatest(least({{ second_of_day(moment) }}, {{ span }}.ends_second) - {{ span }}.starts_second, 0))
{%- endmacro %}

{#- Working minutes from one moment to another, with two decimals; empty where they make no clock. -#}
{% macro working_minutes(earlier, later, earlier_span, later_span) -%}
    case
        when {{ is_clock(earlier, later) }}
            then cast(
                ({{ working_seconds_until(later, later_span) }} - {{ working_seconds_until(earlier, earlier_span) }}) / 60.0
                as decimal(18, 2)
            )
    end
{%- endmacro %}
