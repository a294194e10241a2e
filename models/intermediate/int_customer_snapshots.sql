{{ config(materialized='kept', due='counted') }}
{%- set counts = ['total_purchases', 'window_purchases', 'recent_interactions', 'activity_change'] %}
{%- set amounts = ['units_bought', 'total_spend', 'window_spend', 'month_revenue'] %}
{%- set measures = counts + amounts %}
with

as_of as (
    select * from {{ ref('int_as_of') }}
),

evaluation_days as (
    select * from {{ ref('int_evaluation_days') }}
),

first_evaluation as (
    select min(evaluated_on) as first_evaluated_on from evaluation_days
),

frame as (
    select
        as_of.as_of_date,
        first_evaluation.first_evaluated_on
    from as_of
    cross join first_evaluation
),

-- One set, unless policy changed a window within the history: then each set is counted on its own.
window_sets as (
    select distinct
        window_set,
        spend_days,
        activity_days
    from evaluation_days
),

first_purchases as (
    select
        customer_id,
        min(purchased_on) as first_purchase_on
    from {{ ref('int_purchase_days_aggregated') }}
    where purchases > 0
    group by customer_id
),

customers as (
    select
        known.customer_id,
        -- Somebody of unknown age has been known for long: neither new nor growing.
        coalesce(known.first_seen_on, cast('1900-01-01' as date)) as known_from,
        first_purchases.first_purchase_on
    from {{ ref('int_customers_known') }} as known
    left join first_purchases on known.customer_id = first_purchases.customer_id
),

-- An interaction is recent, then in the window before, with which the recent ones are compared, then in neither.
phases as (
    {{ phases_of(['is_recent', 'of_change'], [
        ('0', [1, 1]),
        ('activity_days + 1', [-1, -2]),
        ('2 * (activity_days + 1)', [0, 1]),
    ]) }}
),

interaction_days as (
    select
        customer_id,
        interacted_on,
        sum(interactions) as interactions
    from {{ ref('int_interactions_aggregated') }}
    where {{ may_count('customer_id', ref('int_interactions_aggregated'), 'interacted_on') }}
    group by
        customer_id,
        interacted_on
),

-- What each day adds to a running metric, and what the end of its window takes away again.
changes as (
    select
        customers.customer_id,
        window_sets.window_set,
        customers.known_from as changed_on,
        {{ measures_of(measures) }},
        cast(null as date) as purchased_on,
        cast(null as date) as interacted_on
    from customers
    cross join window_sets
    union all
    select
        purchase_days.customer_id,
        window_sets.window_set,
        purchase_days.purchased_on as changed_on,
        {{ measures_of(measures, own=['units_bought'], of='purchase_days', given={
            'total_purchases': 'purchase_days.purchases', 'window_purchases': 'purchase_days.purchases',
            'total_spend': 'purchase_days.net_amount', 'window_spend': 'purchase_days.net_amount',
            'month_revenue': 'purchase_days.net_amount'
        }) }},
        case when purchase_days.purchases > 0 then purchase_days.purchased_on end as purchased_on,
        cast(null as date) as interacted_on
    from {{ ref('int_purchase_days_aggregated') }} as purchase_days
    cross join window_sets
    union all
    select
        purchase_days.customer_id,
        window_sets.window_set,
        {{ days_after('last_day(purchase_days.purchased_on)', '1') }} as changed_on,
        {{ measures_of(measures, given={'month_revenue': '-purchase_days.net_amount'}) }},
        cast(null as date) as purchased_on,
        cast(null as date) as interacted_on
    from {{ ref('int_purchase_days_aggregated') }} as purchase_days
    cross join window_sets
    union all
    select
        purchase_days.customer_id,
        window_sets.window_set,
        {{ days_after('purchase_days.purchased_on', 'window_sets.spend_days + 1') }} as changed_on,
        {{ measures_of(measures, given={
            'window_purchases': '-purchase_days.purchases', 'window_spend': '-purchase_days.net_amount'
        }) }},
        cast(null as date) as purchased_on,
        cast(null as date) as interacted_on
    from {{ ref('int_purchase_days_aggregated') }} as purchase_days
    cross join window_sets
    union all
    select
        interaction_days.customer_id,
        phases.window_set,
        {{ days_after('interaction_days.interacted_on', 'phases.days_later') }} as changed_on,
        {{ measures_of(measures, given={
            'recent_interactions': 'phases.is_recent * interaction_days.interactions',
            'activity_change': 'phases.of_change * interaction_days.interactions'
        }) }},
        cast(null as date) as purchased_on,
        case when phases.days_later = 0 then interaction_days.interacted_on end as interacted_on
    from interaction_days
    cross join phases
),

due_changes as (
    {{ due_changes() }}
),

steps as (
    {{ running_steps(
        counts,
        amounts,
        lasts={'last_purchase_on': 'purchased_on', 'last_interaction_on': 'interacted_on'}
    ) }}
),

-- Each step holds on every day of evaluation until the next.
snapshots as (
    select
        steps.customer_id,
        evaluation_days.evaluated_on,
        {%- for measure in measures %}
        steps.{{ measure }},
        {%- endfor %}
        steps.last_purchase_on,
        steps.last_interaction_on,
        {{ days_between('steps.last_purchase_on', 'evaluation_days.evaluated_on') }} as days_since_purchase,
        case
            when customers.first_purchase_on <= evaluation_days.evaluated_on
                then {{ days_between('customers.first_purchase_on', 'evaluation_days.evaluated_on') }}
        end as days_since_first_purchase,
        {{ days_between(
            'greatest(steps.last_interaction_on, customers.known_from)',
            'evaluation_days.evaluated_on'
        ) }} as days_since_interaction,
        {{ days_between('customers.known_from', 'evaluation_days.evaluated_on') }} as tenure_days
    from steps
    inner join evaluation_days on {{ holds_on('steps', 'evaluation_days') }}
    inner join customers on steps.customer_id = customers.customer_id
    where {{ is_due('counted', 'steps.customer_id', 'evaluation_days.evaluated_on') }}
)

select * from snapshots
