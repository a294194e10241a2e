-- depends_on: {{ ref('contact_plan') }}
{%- set plan = policy_settings('contact_plan') %}
{%- set z = plan.get('interval_z', '0') %}
{%- set conversion_days = plan.get('conversion_days', '0') %}
with

as_of as (
    select
        *,
        {{ days_after('as_of_date', '-' ~ plan.get('measured_days', '0')) }} as measured_from,
        -- Later contacts have not had their days to take effect.
        {{ days_after('as_of_date', '-' ~ conversion_days) }} as measured_until
    from {{ ref('int_as_of') }}
),

contacts as (
    select
        contacts.*,
        coalesce(contacts.audience, contacts.campaign_id) as scope_name
    from {{ ref('int_contacts_made') }} as contacts
    cross join as_of
    where
        contacts.sent_on >= as_of.measured_from
        and contacts.sent_on <= as_of.measured_until
        and coalesce(contacts.audience, contacts.campaign_id) is not null
),

contacted_spans as (
    select
        audience,
        min(sent_on) as first_sent_on,
        max(sent_on) as last_sent_on
    from contacts
    where audience is not null and arm = 'treatment'
    group by audience
),

-- Held out by the draw and never reached: they were due while others were contacted.
held_out as (
    select
        entries.audience as scope_name,
        entries.customer_id,
        entries.due_at as index_at
    from {{ ref('int_audience_entries') }} as entries
    inner join contacted_spans
        on
            entries.audience = contacted_spans.audience
            and entries.due_on >= contacted_spans.first_sent_on
            and entries.due_on <= contacted_spans.last_sent_on
    inner join {{ ref('int_audiences_in_force') }} as audiences on entries.audience = audiences.audience
    inner join {{ ref('int_customers_contactable') }} as contactable
        on
            entries.customer_id = contactable.customer_id
            and not contactable.is_suppressed
            and (contactable.has_consent or not audiences.is_marketing)
    left join {{ ref('int_contacts_made') }} as contacts
        on entries.audience = contacts.audience and entries.customer_id = contacts.customer_id
    where entries.arm = 'control' and entries.was_due and contacts.contact_id is null
),

observations as (
    select
        scope_name,
        customer_id,
        sent_at as index_at,
        arm,
        contact_id
    from contacts
    where arm in ('treatment', 'control')
    union all
    select
        scope_name,
        customer_id,
        index_at,
        'control' as arm,
        '' as contact_id
    from held_out
),

-- One observation per customer, the first: an interval counts people, not messages.
first_observations as (
    select
        *,
        row_number() over (
            partition by scope_name, customer_id
            order by index_at, arm, contact_id
        ) as choice
    from observations
),

customers as (
    select
        first_observations.scope_name,
        first_observations.customer_id,
        first_observations.arm,
        max(case when orders.order_key is not null then 1 else 0 end) as converted
    from first_observations
    left join {{ ref('int_orders_aggregated') }} as orders
        on
            first_observations.customer_id = orders.customer_id
            and orders.is_purchase
            and first_observations.index_at <= orders.purchased_at
            and {{ days_after('cast(first_observations.index_at as date)', conversion_days) }} >= orders.purchased_on
    where first_observations.choice = 1
    group by
        first_observations.scope_name,
        first_observations.customer_id,
        first_observations.arm
),

scopes as (
    select
        audience as scope_name,
        'audience' as scope
    from {{ ref('int_audiences_in_force') }}
    union distinct
    select
        scope_name,
        case when audience is null then 'campaign' else 'audience' end as scope
    from contacts
),

breaches as (
    select
        scope_name,
        sum(case when arm = 'breach' then 1 else 0 end) as breaches
    from contacts
    group by scope_name
),

counted as (
    select
        scopes.scope,
        scopes.scope_name,
        sum(case when customers.arm = 'treatment' then 1 else 0 end) as treated,
        sum(case when customers.arm = 'treatment' then customers.converted else 0 end) as treated_converted,
        sum(case when customers.arm = 'control' then 1 else 0 end) as control,
        sum(case when customers.arm = 'control' then customers.converted else 0 end) as control_converted,
        coalesce(max(breaches.breaches), 0) as breaches
    from scopes
    left join customers on scopes.scope_name = customers.scope_name
    left join breaches on scopes.scope_name = breaches.scope_name
    group by
        scopes.scope,
        scopes.scope_name
),

bounded as (
    select
        *,
        cast(treated_converted as double) / nullif(treated, 0) as treated_rate,
        cast(control_converted as double) / nullif(control, 0) as control_rate,
        {{ wilson_bound('treated_converted', 'treated', z, '-') }} as treated_low,
        {{ wilson_bound('treated_converted', 'treated', z, '+') }} as treated_high,
        {{ wilson_bound('control_converted', 'control', z, '-') }} as control_low,
        {{ wilson_bound('control_converted', 'control', z, '+') }} as control_high
    from counted
),

compared as (
    select
        scope,
        scope_name,
        treated,
        treated_converted,
        control,
        control_converted,
        breaches,
        treated_rate,
        control_rate,
        treated_rate - control_rate as uplift,
        -- Newcombe's hybrid score interval (1998, method 10).
        treated_rate - control_rate
        - sqrt(power(treated_rate - treated_low, 2) + power(control_high - control_rate, 2)) as uplift_low,
        treated_rate - control_rate
        + sqrt(power(treated_high - treated_rate, 2) + power(control_rate - control_low, 2)) as uplift_high,
        cast(treated as double) * control / nullif(treated + control, 0) as weight
    from bounded
),

-- Audiences hold out different shares and convert differently, so they are compared one by one and then averaged
-- (weights of Mantel and Haenszel); the interval is recovered from theirs (Zou and Donner 2008).
total as (
    select
        'total' as scope,
        'all' as scope_name,
        coalesce(sum(treated), 0) as treated,
        coalesce(sum(treated_converted), 0) as treated_converted,
        coalesce(sum(control), 0) as control,
        coalesce(sum(control_converted), 0) as control_converted,
        coalesce(sum(breaches), 0) as breaches,
        -- A sum of fractions depends on the order of its rows in the last digits; twelve places do not.
        round(sum(weight * treated_rate) / nullif(sum(weight), 0), 12) as treated_rate,
        round(sum(weight * control_rate) / nullif(sum(weight), 0), 12) as control_rate,
        round(sum(weight * uplift) / nullif(sum(weight), 0), 12) as uplift,
        round(
            (sum(weight * uplift) - sqrt(sum(power(weight * (uplift - uplift_low), 2)))) / nullif(sum(weight), 0), 12
        ) as uplift_low,
        round(
            (sum(weight * uplift) + sqrt(sum(power(weight * (uplift_high - uplift), 2)))) / nullif(sum(weight), 0), 12
        ) as uplift_high
    from compared
    where weight > 0
),

rows_of_both as (
    select
        scope,
        scope_name,
        treated,
        treated_converted,
        control,
        control_converted,
        breaches,
        treated_rate,
        control_rate,
        uplift,
        uplift_low,
        uplift_high
    from compared
    union all
    select
        scope,
        scope_name,
        treated,
        treated_converted,
        control,
        control_converted,
        breaches,
        treated_rate,
        control_rate,
        uplift,
        uplift_low,
        uplift_high
    from total
),

judged as (
    select
        rows_of_both.*,
        case
            when treated < {{ plan.get('minimum_treated', '0') }} or control < {{ plan.get('minimum_control', '0') }}
                then 'keep_testing'
            when uplift_low > 0 and uplift > {{ plan.get('rollout_uplift', '0') }} * control_rate then 'roll_out'
            when uplift_high < {{ plan.get('rollout_uplift', '0') }} * control_rate then 'stop'
            else 'keep_testing'
        end as verdict
    from rows_of_both
),

final as (
    select
        judged.scope_name as audience,
        judged.scope,
        cast(judged.treated as bigint) as treated,
        cast(judged.treated_converted as bigint) as treated_converted,
        cast(judged.control as bigint) as control,
        cast(judged.control_converted as bigint) as control_converted,
        judged.treated_rate,
        judged.control_rate,
        judged.uplift,
        judged.uplift_low,
        judged.uplift_high,
        judged.uplift / nullif(judged.control_rate, 0) as relative_uplift,
        judged.verdict,
        cast(judged.breaches as bigint) as breaches,
        as_of.as_of_date as as_of
    from judged
    cross join as_of
)

select * from final
