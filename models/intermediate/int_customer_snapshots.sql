{{ config(materialized='kept', due='counted') }}
{%- set measures = [
    'purchases', 'units_bought', 'net_amount', 'window_purchases', 'window_spend', 'recent_interactions',
    'earlier_interactions',
] %}
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

purchase_days as (
    select * from {{ ref('int_purchase_days_aggregated') }}
),

interaction_days as (
    select
        customer_id,
        interacted_on,
        sum(interactions) as interactions
    from {{ ref('int_interactions_aggregated') }}
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
        {{ measures_of(measures, own=['purchases', 'units_bought', 'net_amount'], of='purchase_days', given={
            'window_purchases': 'purchase_days.purchases', 'window_spend': 'purchase_days.net_amount'
        }) }},
        case when purchase_days.purchases > 0 then purchase_days.purchased_on end as purchased_on,
        cast(null as date) as interacted_on
    from purchase_days
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
    from purchase_days
    cross join window_sets
    union all
    select
        interaction_days.customer_id,
        window_sets.window_set,
        interaction_days.interacted_on as changed_on,
        {{ measures_of(measures, given={'recent_interactions': 'interaction_days.interactions'}) }},
        cast(null as date) as purchased_on,
        interaction_days.interacted_on
    from interaction_days
    cross join window_sets
    union all
    select
        interaction_days.customer_id,
        window_sets.window_set,
        {{ days_after('interaction_days.interacted_on', 'window_sets.activity_days + 1') }} as changed_on,
        {{ measures_of(measures, given={
            'recent_interactions': '-interaction_days.interactions',
            'earlier_interactions': 'interaction_days.interactions'
        }) }},
        cast(null as date) as purchased_on,
        cast(null as date) as interacted_on
    from interaction_days
    cross join window_sets
    union all
    select
        interaction_days.customer_id,
        window_sets.window_set,
        {{ days_after('interaction_days.interacted_on', '2 * (window_sets.activity_days + 1)') }} as changed_on,
        {{ measures_of(measures, given={'earlier_interactions': '-interaction_days.interactions'}) }},
        cast(null as date) as purchased_on,
        cast(null as date) as interacted_on
    from interaction_days
    cross join window_sets
),

due_changes as (
    {{ due_changes() }}
),

steps as (
    select
        customer_id,
        window_set,
        counted_on as evaluated_on,
        sum(purchases) as purchases,
        sum(units_bought) as units_bought,
        sum(net_amount) as net_amount,
        sum(window_purchases) as window_purchases,
        sum(window_spend) as window_spend,
        sum(recent_interactions) as recent_interactions,
        sum(earlier_interactions) as earlier_interactions,
        -- What was bought before the first month belongs to no month of the history.
        sum(case when last_day(changed_on) >= counted_on then net_amount else 0 end) as month_revenue,
        max(purchased_on) as last_purchase_on,
        max(interacted_on) as last_interaction_on
    from due_changes
    group by
        customer_id,
        window_set,
        counted_on
    {%- if counted_until() %}
    union all
    select
        kept.customer_id,
        kept.window_set,
        kept.evaluated_on,
        kept.total_purchases as purchases,
        kept.units_bought,
        kept.total_spend as net_amount,
        kept.window_purchases,
        kept.window_spend,
        kept.recent_interactions,
        kept.recent_interactions - kept.activity_change as earlier_interactions,
        0 as month_revenue,
        kept.last_purchase_on,
        kept.last_interaction_on
    from ({{ counted_before() }}) as kept
    {%- endif %}
),

running as (
    select
        customer_id,
        window_set,
        evaluated_on,
        month_revenue,
        sum(purchases) over so_far as total_purchases,
        sum(units_bought) over so_far as units_bought,
        sum(net_amount) over so_far as total_spend,
        sum(window_purchases) over so_far as window_purchases,
        sum(window_spend) over so_far as window_spend,
        sum(recent_interactions) over so_far as recent_interactions,
        sum(earlier_interactions) over so_far as earlier_interactions,
        max(last_purchase_on) over so_far as last_purchase_on,
        max(last_interaction_on) over so_far as last_interaction_on,
        lead(evaluated_on) over (partition by customer_id, window_set order by evaluated_on) as next_step_on
    from steps
    window so_far as (
        partition by customer_id, window_set
        order by evaluated_on
        rows between unbounded preceding and current row
    )
),

-- Each state holds on every day of evaluation until the next step.
spread as (
    select
        running.*,
        evaluation_days.evaluated_on as spread_on
    from running
    inner join evaluation_days
        on
            running.window_set = evaluation_days.window_set
            and running.evaluated_on <= evaluation_days.evaluated_on
            and coalesce(running.next_step_on, cast('9999-12-31' as date)) > evaluation_days.evaluated_on
    where {{ is_due('counted', 'running.customer_id', 'evaluation_days.evaluated_on') }}
),

snapshots as (
    select
        spread.customer_id,
        spread.spread_on as evaluated_on,
        cast(spread.total_purchases as integer) as total_purchases,
        cast(spread.units_bought as decimal(18, 4)) as units_bought,
        cast(spread.total_spend as decimal(18, 4)) as total_spend,
        cast(spread.window_purchases as integer) as window_purchases,
        cast(spread.window_spend as decimal(18, 4)) as window_spend,
        cast(spread.recent_interactions as integer) as recent_interactions,
        cast(spread.recent_interactions - spread.earlier_interactions as integer) as activity_change,
        spread.last_purchase_on,
        spread.last_interaction_on,
        {{ days_between('spread.last_purchase_on', 'spread.spread_on') }} as days_since_purchase,
        case
            when customers.first_purchase_on <= spread.spread_on
                then {{ days_between('customers.first_purchase_on', 'spread.spread_on') }}
        end as days_since_first_purchase,
        {{ days_between('greatest(spread.last_interaction_on, customers.known_from)', 'spread.spread_on') }}
            as days_since_interaction,
        {{ days_between('customers.known_from', 'spread.spread_on') }} as tenure_days,
        cast(case when spread.evaluated_on = spread.spread_on then spread.month_revenue else 0 end as decimal(18, 4))
            as month_revenue
    from spread
    inner join customers on spread.customer_id = customers.customer_id
)

select * from snapshots
