{#- Building by increments: a night builds anew what its news can have changed, and keeps the rest.

    `orchestration/increment.py` decides before the models are built which customers and days of evaluation
    are due, writes them into schema `increment`, and sets the variable `increment`: `due` where rows may be kept, `all`
    where everything is due, nothing where models are built by hand. A row of a customer and day is due

    - `counted`: when facts of the customer changed, or the day was not evaluated before,
    - `valued`: also when the fit of the day changed,
    - `placed`: also when a cut point of a day moved across the customer (`int_customers_moved`),
    - `changed`: also on the day of evaluation after such a day.

    A model that keeps rows is materialised as `kept`, names its level as `due`, and asks `is_due` of its inputs. One that
    adds up changes takes them from `due_changes` and adds them up by `running_steps`. One whose rows are of a customer and
    of no day of evaluation says `rows='customers'` and asks `customer_is_due`; none of its rows may depend on as-of, so it
    holds what lies ahead too, and its readers look no further than as-of. -#}

{#- Whether this run keeps rows. -#}
{% macro increments() -%}
    {{ return(var('increment', '') == 'due') }}
{%- endmacro %}

{#- Condition: the row of this customer and day is built in this run; `and_before`: or that of the day after is, for a
    row that is compared with the one before it. -#}
{% macro is_due(level, customer_id, evaluated_on, and_before=false) -%}
    {%- if increments() -%}
        (
            {{ evaluated_on }} in (select evaluated_on from ({{ days_due(level, and_before) }}) as days_due)
            or {{ customer_is_due(level, customer_id) }}
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- Condition: all rows of this customer are built in this run. -#}
{% macro customer_is_due(level, customer_id) -%}
    {%- if increments() -%}
        {{ customer_id }} in (select customer_id from ({{ customers_due(level) }}) as customers_due)
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- The day of evaluation up to which everybody who is not due has been counted before; nothing where nobody has. -#}
{% macro counted_until() -%}
    {{ return(var('counted_until', '') if increments() else '') }}
{%- endmacro %}

{#- Query: the rows of `changes` (`customer_id`, `changed_on`, what changed) up to as-of that are added up in this run, with
    the day on which each counts, `counted_on`: the first day of evaluation on or after it, so a customer has at most
    one a month. Of somebody who is not due only what changed since `counted_until`: what was before is in the rows that
    were kept (`counted_before`). `frame` is one row: `as_of_date`, `first_evaluated_on`. -#}
{% macro due_changes() -%}
    select
        changes.*,
        greatest(least(last_day(changes.changed_on), frame.as_of_date), frame.first_evaluated_on) as counted_on
    from changes
    cross join frame
    where
        changes.changed_on <= frame.as_of_date
        {%- if counted_until() %}
        and (
            changes.changed_on > cast('{{ counted_until() }}' as date)
            or {{ customer_is_due('counted', 'changes.customer_id') }}
        )
        {%- endif %}
{%- endmacro %}

{#- Condition: a fact of this customer may be among `due_changes`: everybody's where all is counted; else those of who is due,
    and of whom a fact of `facts` enters or leaves a window after `counted_until`, as CTE `phases` (`days_later`) says. What it
    leaves out saves looking at all purchases of customers of whom nothing is counted in this run. -#}
{% macro may_count(customer_id, facts, day) -%}
    {%- if counted_until() -%}
        {{ customer_id }} in (
            select facts.customer_id
            from {{ facts }} as facts
            cross join phases
            cross join frame
            where
                {{ days_after('facts.' ~ day, 'phases.days_later') }} > cast('{{ counted_until() }}' as date)
                and {{ days_after('facts.' ~ day, 'phases.days_later') }} <= frame.as_of_date
            union all
            {{ customers_due('counted') }}
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- Query: `due_changes` added up by customer, one row for all days from `from_day` until before `to_day`. `counts` and
    `amounts` are sums; `firsts` and `lasts` (name to column) the least and the greatest value of a column so far. Of
    somebody who is not due it goes on from what this model kept, so each must be a column of the model. -#}
{% macro running_steps(counts=[], amounts=[], firsts={}, lasts={}) -%}
    {#- Columns with what makes them of changes, of steps, and their type: given early, because sums are four times as wide. -#}
    {%- set columns = [] -%}
    {%- for names, type in [(counts, 'integer'), (amounts, 'decimal(18, 4)')] -%}
        {%- for name in names -%}
            {%- do columns.append((name, 'sum(' ~ name ~ ')', 'sum(' ~ name ~ ')', type)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for days, extreme in [(firsts, 'min'), (lasts, 'max')] -%}
        {%- for name, day in days.items() -%}
            {%- do columns.append((name, extreme ~ '(' ~ day ~ ')', extreme ~ '(' ~ name ~ ')', 'date')) -%}
        {%- endfor -%}
    {%- endfor -%}
    select
        customer_id,
        window_set,
        from_day,
        coalesce(
            lead(from_day) over (partition by customer_id, window_set order by from_day), cast('9999-12-31' as date)
        ) as to_day
        {%- for name, _, of_steps, type in columns %},
        cast({{ of_steps }} over so_far as {{ type }}) as {{ name }}
        {%- endfor %}
    from (
        select
            customer_id,
            window_set,
            counted_on as from_day
            {%- for name, of_changes, _, type in columns %},
            cast({{ of_changes }} as {{ type }}) as {{ name }}
            {%- endfor %}
        from due_changes
        group by
            customer_id,
            window_set,
            counted_on
        {%- if counted_until() %}
        union all
        {{ counted_before(columns | map(attribute=0)) }}
        {%- endif %}
    ) as steps_alone
    window so_far as (
        partition by customer_id, window_set
        order by from_day
        rows between unbounded preceding and current row
    )
{%- endmacro %}

{#- Condition: a step of `running_steps` holds on a day of evaluation, of which `days` has `evaluated_on` and `window_set`. -#}
{% macro holds_on(steps, days) -%}
    {{ steps }}.window_set = {{ days }}.window_set
            and {{ steps }}.from_day <= {{ days }}.evaluated_on
            and {{ steps }}.to_day > {{ days }}.evaluated_on
{%- endmacro %}

{#- Query: `columns` of the rows of this model that hold what was counted until `counted_until` of everybody who is not due,
    as `running_steps` goes on from them. -#}
{% macro counted_before(columns) -%}
    {%- set until = "cast('" ~ counted_until() ~ "' as date)" -%}
    {%- set of_days = config.get('rows', 'days') == 'days' -%}
    select
        kept.customer_id,
        {{ 'days' if of_days else 'kept' }}.window_set,
        kept.{{ 'evaluated_on' if of_days else 'from_day' }}
        {%- for column in columns %},
        kept.{{ column }}
        {%- endfor %}
    from {{ this }} as kept
    {%- if of_days %}
    inner join {{ ref('int_evaluation_days') }} as days on kept.evaluated_on = days.evaluated_on
    {%- endif %}
    where
        {%- if of_days %}
        kept.evaluated_on = {{ until }}
        {%- else %}
        kept.from_day <= {{ until }}
        and kept.to_day > {{ until }}
        {%- endif %}
        and not {{ customer_is_due('counted', 'kept.customer_id') }}
{%- endmacro %}

{#- Query: the days whose rows are due for every customer; `and_before`: and the day before each. -#}
{% macro days_due(level, and_before=false) -%}
    select evaluated_on
    from (
        select
            evaluated_on,
            due,
            lag(due) over (order by evaluated_on) as due_before,
            lead(due) over (order by evaluated_on) as due_after
        from {{ increment_table('days') }}
    ) as days
    where
        {{ "due = 'counted'" if level == 'counted' else 'due is not null' }}
        {{- ' or due_before is not null' if level == 'changed' }}
        {{- ' or due_after is not null' if and_before }}
{%- endmacro %}

{#- Query: the customers all of whose rows are due; also those who are gone. -#}
{% macro customers_due(level) -%}
    select customer_id from {{ increment_table('customers_due') }}
    {%- if level in ('placed', 'changed') %}
    union all
    select customer_id from {{ ref('int_customers_moved') }}
    {%- endif -%}
{%- endmacro %}

{#- The cut points that placements are decided by: the model of each, its name, and what it is compared with (model and
    measure), as `customer_measures` does. -#}
{% macro placement_cuts() -%}
    {%- set points = [
        ('int_spend_cuts', 'top_spend', 'int_customer_snapshots', 'window_spend'),
        ('int_spend_cuts', 'median_spend', 'int_customer_snapshots', 'window_spend'),
        ('int_spend_cuts', 'value_high', 'int_customer_snapshots', 'total_spend'),
        ('int_spend_cuts', 'value_middle', 'int_customer_snapshots', 'total_spend'),
        ('int_spend_cuts', 'clv_high', 'int_customer_values', 'net_clv_365d'),
        ('int_spend_cuts', 'clv_middle', 'int_customer_values', 'net_clv_365d'),
    ] -%}
    {%- for cut in ['first_cut', 'second_cut', 'third_cut', 'fourth_cut'] -%}
    {%- do points.extend([
        ('int_rfm_cuts', 'recency_' ~ cut, 'int_customer_snapshots', 'days_since_purchase'),
        ('int_rfm_cuts', 'frequency_' ~ cut, 'int_customer_snapshots', 'total_purchases'),
        ('int_rfm_cuts', 'monetary_' ~ cut, 'int_customer_snapshots', 'total_spend'),
    ]) -%}
    {%- endfor -%}
    {{ return(points) }}
{%- endmacro %}

{#- Query: every cut point of each day of evaluation. -#}
{% macro cuts_by_day() -%}
    select
        days.evaluated_on,
        {%- for model, cut, _, _ in placement_cuts() %}
        {{ model }}.{{ cut }},
        {%- endfor %}
        days.window_set
    from {{ ref('int_evaluation_days') }} as days
    {%- for model in ['int_spend_cuts', 'int_rfm_cuts'] %}
    left join {{ ref(model) }} as {{ model }} on days.evaluated_on = {{ model }}.evaluated_on
    {%- endfor %}
{%- endmacro %}

{#- A table that the decision wrote. It is no source: what is kept and what is built anew makes no difference to the rows. -#}
{% macro increment_table(name) -%}
    {{ return(api.Relation.create(schema='increment', identifier=name)) }}
{%- endmacro %}

{#- Take away what is due and what is of no day of evaluation, and put in what was built; or replace the whole. A row is

    - of a day (`rows='days'`, as most are): due with its day or its customer,
    - of all days from `from_day` until before `to_day` (`steps`): due with its customer, or where it holds after
      `counted_until`,
    - of a customer alone (`customers`): due with its customer.

    Built by hand, a table may know more than the notes of what was kept, so the next run builds everything. -#}
{% materialization kept, adapter='duckdb', supported_languages=['sql'] -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set rows = config.get('rows', 'days') -%}
    {%- if not increments() or existing is none or (rows == 'steps' and not counted_until()) -%}
        {%- set built = replace_relation('table', also=forget_increments()) -%}
        {{ return(built) }}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set level = config.require('due') -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%}
        {%- if rows == 'steps' %}
        {%- set first_day = '(select min(evaluated_on) from ' ~ increment_table('days') ~ ')' -%}
        {#- Built first, because it begins with rows that are taken away. #}
        create temporary table {{ this.identifier }}_due as (
            {{ sql }}
        );
        delete from {{ target }}
        where
            to_day > cast('{{ counted_until() }}' as date)
            or to_day <= {{ first_day }}
            or {{ customer_is_due(level, 'customer_id') }};
        insert into {{ target }} by name (select * from {{ this.identifier }}_due);
        update {{ target }} set from_day = {{ first_day }} where from_day < {{ first_day }};
        drop table {{ this.identifier }}_due;
        {%- else %}
        {%- if level != 'added' %}
        delete from {{ target }}
        where
            {%- if rows == 'days' %}
            {{ config.get('day', 'evaluated_on') }} not in (
                select evaluated_on from {{ increment_table('days') }}
                where evaluated_on not in ({{ days_due(level) }})
            )
            or
            {%- endif %}
            {{ customer_is_due(level, 'customer_id') }};
        {%- endif %}
        {#- On lines of its own: a model may end in a comment. #}
        insert into {{ target }} by name (
            {{ sql }}
        );
        {%- endif %}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {%- do log_row_count(target) -%}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target]}) }}
{%- endmaterialization %}

{#- Statement that makes the next run build everything, where no run decided what this one builds: a table of a name of its
    own, because models are built side by side. A database in which no run ever decided anything needs none. -#}
{% macro forget_increments() -%}
    {%- if var('increment', '') == '' and adapter.check_schema_exists(this.database, 'increment') -%}
        create or replace table {{ increment_table('by_hand_' ~ this.identifier) }} as select 1 as by_hand;
    {%- endif -%}
{%- endmacro %}
