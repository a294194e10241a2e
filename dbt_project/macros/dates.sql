{#- Date arithmetic that engines spell differently. Every result is typed as its name says. -#}

{#- Whole days from `earlier` to `later`, both dates. -#}
{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch('days_between')(earlier, later)) }}
{%- endmacro %}

{% macro default__days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}

{% macro duckdb__days_between(earlier, later) -%}
    ({{ later }} - {{ earlier }})
{%- endmacro %}

{#- The date `days` days after `day`; `days` may be an expression or negative. -#}
{% macro days_after(day, days) -%}
    {{ return(adapter.dispatch('days_after')(day, days)) }}
{%- endmacro %}

{% macro default__days_after(day, days) -%}
    date_add({{ day }}, cast({{ days }} as integer))
{%- endmacro %}

{% macro duckdb__days_after(day, days) -%}
    ({{ day }} + cast({{ days }} as integer))
{%- endmacro %}

{#- The date `months` months after `day`. -#}
{% macro months_after(day, months) -%}
    {{ return(adapter.dispatch('months_after')(day, months)) }}
{%- endmacro %}

{% macro default__months_after(day, months) -%}
    add_months({{ day }}, cast({{ months }} as integer))
{%- endmacro %}

{% macro duckdb__months_after(day, months) -%}
    cast({{ day }} + to_months(cast({{ months }} as integer)) as date)
{%- endmacro %}

{#- The last moment of a date. -#}
{% macro end_of_day(day) -%}
    (cast({{ days_after(day, 1) }} as timestamp) - interval 1 microsecond)
{%- endmacro %}

{#- Minutes from one timestamp to another, with two decimals. -#}
{% macro minutes_between(earlier, later) -%}
    {{ return(adapter.dispatch('minutes_between')(earlier, later)) }}
{%- endmacro %}

{% macro default__minutes_between(earlier, later) -%}
    cast((unix_timestamp({{ later }}) - unix_timestamp({{ earlier }})) / 60.0 as decimal(18, 2))
{%- endmacro %}

{% macro duckdb__minutes_between(earlier, later) -%}
    cast(date_diff('second', {{ earlier }}, {{ later }}) / 60.0 as decimal(18, 2))
{%- endmacro %}

{#- Whether two moments make a clock: the second is not before the first, and not both are dates without a time of day
    (which arrive as midnight, so that every duration between them would be 0 or whole days). -#}
{% macro is_clock(earlier, later) -%}
    {{ later }} >= {{ earlier }}
            and not (
                {{ earlier }} = cast(cast({{ earlier }} as date) as timestamp)
                and {{ later }} = cast(cast({{ later }} as date) as timestamp)
            )
{%- endmacro %}

{#- Calendar minutes of a clock; empty where the moments make none. -#}
{% macro clock_minutes(earlier, later) -%}
    case when {{ is_clock(earlier, later) }} then {{ minutes_between(earlier, later) }} end
{%- endmacro %}

{#- One row per month end from the month of `first_day` to that of `last_day`, as column `month_end`. -#}
{% macro month_ends(first_day, last_day, relation) -%}
    {{ return(adapter.dispatch('month_ends')(first_day, last_day, relation)) }}
{%- endmacro %}

{% macro default__month_ends(first_day, last_day, relation) -%}
    select last_day(month_start) as month_end
    from (
        select explode(sequence(trunc({{ first_day }}, 'month'), {{ last_day }}, interval 1 month)) as month_start
        from {{ relation }}
    ) as months
{%- endmacro %}

{% macro duckdb__month_ends(first_day, last_day, relation) -%}
    select last_day(months.month_start) as month_end
    from (
        select unnest(generate_series(
            cast(date_trunc('month', {{ first_day }}) as timestamp),
            cast({{ last_day }} as timestamp),
            interval 1 month
        )) as month_start
        from {{ relation }}
    ) as months
{%- endmacro %}

{#- One row per day from `first_day` to `last_day` of the one row of `relation`, as column `day`; none if either is empty. -#}
{% macro days_from_to(first_day, last_day, relation) -%}
    {{ return(adapter.dispatch('days_from_to')(first_day, last_day, relation)) }}
{%- endmacro %}

{% macro default__days_from_to(first_day, last_day, relation) -%}
    select explode(sequence({{ first_day }}, {{ last_day }}, interval 1 day)) as day
    from {{ relation }}
{%- endmacro %}

{% macro duckdb__days_from_to(first_day, last_day, relation) -%}
    select cast(unnest(generate_series(
        cast({{ first_day }} as timestamp),
        cast({{ last_day }} as timestamp),
        interval 1 day
    )) as date) as day
    from {{ relation }}
{%- endmacro %}

{#- Day of the week: 1 is Monday, 7 is Sunday. -#}
{% macro weekday_of(day) -%}
    {{ return(adapter.dispatch('weekday_of')(day)) }}
{%- endmacro %}

{% macro default__weekday_of(day) -%}
    weekday({{ day }}) + 1
{%- endmacro %}

{% macro duckdb__weekday_of(day) -%}
    isodow({{ day }})
{%- endmacro %}

{#- The timestamp `hours` hours after `moment`; `hours` may be an expression or negative. -#}
{% macro hours_after(moment, hours) -%}
    {{ return(adapter.dispatch('hours_after')(moment, hours)) }}
{%- endmacro %}

{% macro default__hours_after(moment, hours) -%}
    timestampadd(hour, cast({{ hours }} as integer), {{ moment }})
{%- endmacro %}

{% macro duckdb__hours_after(moment, hours) -%}
    ({{ moment }} + to_hours(cast({{ hours }} as integer)))
{%- endmacro %}
