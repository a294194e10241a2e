{#- The frequency caps in force on the day of evaluation, as a list of mappings: `channel`, `kind`, `window_days`, `cap`.
    Call it at the top of a model, as `policy_rules`; `-- depends_on` tells dbt that the seed comes first. -#}
{% macro frequency_caps() -%}
    {%- set caps = [] -%}
    {%- if execute -%}
        {%- set relation = adapter.get_relation(
            database=target.database, schema='policy', identifier='frequency_caps'
        ) -%}
        {%- set as_of = adapter.get_relation(database=target.database, schema='intermediate', identifier='int_as_of') -%}
        {%- if relation is none and flags.WHICH in ['run', 'build'] -%}
            {{ exceptions.raise_compiler_error("Policy table policy.frequency_caps is missing: run `dbt seed` first.") }}
        {%- elif relation is not none and as_of is not none -%}
            {%- set query -%}
                select
                    caps.channel,
                    caps.kind,
                    caps.window_days,
                    caps.cap,
                    row_number() over (
                        partition by caps.channel, caps.kind, caps.window_days order by caps.valid_from desc
                    ) as age
                from {{ relation }} as caps
                inner join {{ as_of }} as as_of on caps.valid_from <= as_of.as_of_date
                order by caps.channel, caps.kind, caps.window_days
            {%- endset -%}
            {%- for row in run_query(query) if row['age'] == 1 -%}
                {%- do caps.append({
                    'channel': row['channel'],
                    'kind': row['kind'],
                    'window_days': row['window_days'] | int,
                    'cap': row['cap'] | int,
                }) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(caps) }}
{%- endmacro %}

{#- One column per cap, `free_of_<n>`: the contact cannot break it, because the cap is not about it or fewer contacts than
    the cap have been made and planned at all. Cheap, and true of nearly everybody. -#}
{% macro caps_out_of_reach(chosen, channel, is_marketing, caps) -%}
    {%- for cap in caps %}
    {{ not_capped(cap, channel, is_marketing) }}
    or {{ count_where(chosen, in_scope(cap)) }} < {{ cap['cap'] }} as free_of_{{ loop.index }}{{ ',' if not loop.last }}
    {%- else %}
    true as free_of_all
    {%- endfor -%}
{%- endmacro %}

{#- The first of `options` (days ahead, ascending) on which a contact keeps every cap: no window of so many days that
    holds it, and ends by the horizon, holds more contacts than the cap. `chosen` are the contacts made and planned, as
    `contact_of` writes them; the row has the columns of `caps_out_of_reach`. NULL where no day is left. -#}
{% macro first_day_within_caps(options, chosen, caps, horizon_days) -%}
    {%- set all_free = [] -%}
    {%- for cap in caps -%}{%- do all_free.append('free_of_' ~ loop.index) -%}{%- endfor -%}
    case
        when {{ all_free | join(' and ') or 'true' }} then {{ first_of(options) }}
        else {{ first_of(days_that_keep(options, chosen, caps, horizon_days)) }}
    end
{%- endmacro %}

{% macro days_that_keep(options, chosen, caps, horizon_days) -%}
    {{ return(adapter.dispatch('days_that_keep', 'customer360')(options, chosen, caps, horizon_days)) }}
{%- endmacro %}

{% macro default__days_that_keep(options, chosen, caps, horizon_days) -%}
    filter({{ options }}, d -> true
    {%- for cap in caps %}
        and case
            when free_of_{{ loop.index }} then true
            else array_max(transform(
                sequence(d, least(d + {{ cap['window_days'] - 1 }}, {{ horizon_days }})),
                e -> size(filter({{ chosen }}, c -> {{ in_window(cap) }}))
            )) < {{ cap['cap'] }}
        end
    {%- endfor -%}
    )
{%- endmacro %}

{% macro duckdb__days_that_keep(options, chosen, caps, horizon_days) -%}
    list_filter({{ options }}, lambda d: true
    {%- for cap in caps %}
        and case
            when free_of_{{ loop.index }} then true
            else list_max(list_transform(
                range(d, least(d + {{ cap['window_days'] - 1 }}, {{ horizon_days }}) + 1),
                lambda e: len(list_filter({{ chosen }}, lambda c: {{ in_window(cap) }}))
            )) < {{ cap['cap'] }}
        end
    {%- endfor -%}
    )
{%- endmacro %}

{% macro not_capped(cap, channel, is_marketing) -%}
    {%- set exempt = [] -%}
    {%- if cap['channel'] != 'any' -%}{%- do exempt.append(channel ~ " <> '" ~ cap['channel'] ~ "'") -%}{%- endif -%}
    {%- if cap['kind'] != 'any' -%}{%- do exempt.append("not " ~ is_marketing) -%}{%- endif -%}
    {{ return('(' ~ (exempt | join(' or ') or 'false') ~ ')') }}
{%- endmacro %}

{% macro in_scope(cap) -%}
    {%- set conditions = [] -%}
    {%- if cap['channel'] != 'any' -%}{%- do conditions.append("c.channel = '" ~ cap['channel'] ~ "'") -%}{%- endif -%}
    {%- if cap['kind'] != 'any' -%}{%- do conditions.append('c.is_marketing') -%}{%- endif -%}
    {{ return(conditions | join(' and ') or 'true') }}
{%- endmacro %}

{% macro in_window(cap) -%}
    {{ return('c.days_ahead > e - ' ~ cap['window_days'] ~ ' and c.days_ahead <= e and ' ~ in_scope(cap)) }}
{%- endmacro %}

{#- How many entries `c` of a list meet `condition`. -#}
{% macro count_where(list, condition) -%}
    {{ return(adapter.dispatch('count_where', 'customer360')(list, condition)) }}
{%- endmacro %}

{% macro default__count_where(list, condition) -%}
    {{ return('size(filter(' ~ list ~ ', c -> ' ~ condition ~ '))') }}
{%- endmacro %}

{% macro duckdb__count_where(list, condition) -%}
    {%- if condition == 'true' -%}{{ return('len(' ~ list ~ ')') }}{%- endif -%}
    {{ return('len(list_filter(' ~ list ~ ', lambda c: ' ~ condition ~ '))') }}
{%- endmacro %}

{#- The first entry of a list; NULL of an empty one. -#}
{% macro first_of(list) -%}
    {{ return(adapter.dispatch('first_of', 'customer360')(list)) }}
{%- endmacro %}

{% macro default__first_of(list) -%}
    {{ return('get(' ~ list ~ ', 0)') }}
{%- endmacro %}

{% macro duckdb__first_of(list) -%}
    {{ return('(' ~ list ~ ')[1]') }}
{%- endmacro %}

{#- A contact as an entry of such a list. -#}
{% macro contact_of(days_ahead, channel, is_marketing) -%}
    {{ return(adapter.dispatch('contact_of', 'customer360')(days_ahead, channel, is_marketing)) }}
{%- endmacro %}

{% macro default__contact_of(days_ahead, channel, is_marketing) -%}
    named_struct('days_ahead', {{ days_ahead }}, 'channel', {{ channel }}, 'is_marketing', {{ is_marketing }})
{%- endmacro %}

{% macro duckdb__contact_of(days_ahead, channel, is_marketing) -%}
    struct_pack(days_ahead := {{ days_ahead }}, channel := {{ channel }}, is_marketing := {{ is_marketing }})
{%- endmacro %}

{#- `list` with `value` at its end. -#}
{% macro appended(list, value) -%}
    {{ return(adapter.dispatch('appended', 'customer360')(list, value)) }}
{%- endmacro %}

{% macro default__appended(list, value) -%}
    array_append({{ list }}, {{ value }})
{%- endmacro %}

{% macro duckdb__appended(list, value) -%}
    list_append({{ list }}, {{ value }})
{%- endmacro %}

{#- The days from `first_day` to `last_day` that are in `days`, in their order; all three are days ahead. -#}
{% macro days_within(days, first_day, last_day) -%}
    {{ return(adapter.dispatch('days_within', 'customer360')(days, first_day, last_day)) }}
{%- endmacro %}

{% macro default__days_within(days, first_day, last_day) -%}
    filter({{ days }}, d -> d >= {{ first_day }} and d <= {{ last_day }})
{%- endmacro %}

{% macro duckdb__days_within(days, first_day, last_day) -%}
    list_filter({{ days }}, lambda d: d >= {{ first_day }} and d <= {{ last_day }})
{%- endmacro %}
