{{ config(materialized='kept', due='counted') }}
{#- Measures that are counted over the spend window; each adds on its day and is taken away when the day leaves. -#}
{%- set window_counts = [
    'purchases', 'promoted_purchases', 'new_item_purchases', 'cycles_held', 'expected_cycles', 'window_complaints',
    'service_points', 'service_answers',
] %}
{%- set window_amounts = ['purchased_amount', 'gross_amount', 'returned_amount', 'contribution_points'] %}
{%- set window_measures = window_counts + window_amounts %}
{%- set counts = window_counts + ['recent_purchases', 'purchases_before', 'window_categories', 'categories_before'] %}
{%- set amounts = window_amounts + ['amount_before', 'purchase_cycle_days'] %}
{%- set measures = counts + amounts %}
{#- What a day of facts can add. -#}
{%- set daily = window_measures + ['purchase_cycle_days'] %}
with

as_of as (
    select * from {{ ref('int_as_of') }}
),

evaluation_days as (
    select * from {{ ref('int_evaluation_days') }}
),

frame as (
    select
        as_of.as_of_date,
        min(evaluation_days.evaluated_on) as first_evaluated_on
    from as_of
    cross join evaluation_days
    group by as_of.as_of_date
),

window_sets as (
    select distinct
        window_set,
        spend_days,
        repeat_days
    from evaluation_days
),

customers as (
    select
        customer_id,
        coalesce(first_seen_on, cast('1900-01-01' as date)) as known_from
    from {{ ref('int_customers_known') }}
),

-- On its day a fact is recent and in the window; it leaves the half year, then the window, from when on it is in the
-- one before, and that in the end.
phases as (
    {{ phases_of(['is_new', 'is_recent', 'in_window', 'in_window_before'], [
        ('0', [1, 1, 1, 0]),
        ('repeat_days + 1', [0, -1, 0, 0]),
        ('spend_days + 1', [0, 0, -1, 1]),
        ('2 * (spend_days + 1)', [0, 0, 0, -1]),
    ]) }}
),

-- Purchases apart from days on which something was only given back, which have no part in the habit.
purchase_gaps as (
    select
        *,
        case
            when purchases > 0 then {{ days_between('lag(purchased_on) over so_far', 'purchased_on') }}
        end as gap_days
    from {{ ref('int_purchase_days_aggregated') }}
    where {{ may_count('customer_id', ref('int_purchase_days_aggregated'), 'purchased_on') }}
    window so_far as (partition by customer_id, purchases > 0 order by purchased_on)
),

-- The habit as it was known on each day of purchase.
purchase_cycles as (
    select
        *,
        cast({{ median_of('gap_days') }} over so_far as decimal(18, 2)) as cycle_days
    from purchase_gaps
    window so_far as (
        partition by customer_id, purchases > 0
        order by purchased_on
        rows between unbounded preceding and current row
    )
),

cycle_steps as (
    select
        *,
        case when gap_days is not null then 1 else 0 end as cycles_held,
        case when gap_days is not null then greatest(1, round(gap_days / cycle_days)) else 0 end as expected_cycles,
        -- What it changes, so that their sum is the habit now.
        coalesce(cycle_days, 0)
        - coalesce(
            lag(cycle_days) over (partition by customer_id, purchases > 0 order by purchased_on), 0
        ) as purchase_cycle_days
    from purchase_cycles
),

service_answers as (
    select
        customer_id,
        cast(responded_at as date) as answered_on,
        coalesce(nps * 10, 0) + coalesce((csat - 1) * 25, 0) as service_points,
        case when nps is not null then 1 else 0 end + case when csat is not null then 1 else 0 end as service_answers
    from {{ ref('int_surveys_resolved') }}
    where customer_id is not null
),

facts as (
    select
        customer_id,
        purchased_on as day,
        {{ measures_of(daily, own=[
            'purchases', 'promoted_purchases', 'new_item_purchases', 'cycles_held', 'expected_cycles',
            'purchased_amount', 'gross_amount', 'returned_amount', 'purchase_cycle_days'
        ]) }},
        case when purchases > 0 then purchased_on end as purchased_on
    from cycle_steps
    union all
    select
        customer_id,
        cast(opened_at as date) as day,
        {{ measures_of(daily, given={'window_complaints': 1}) }},
        cast(null as date) as purchased_on
    from {{ ref('int_cases_resolved') }}
    where customer_id is not null and case_type = 'complaint'
    union all
    select
        customer_id,
        answered_on as day,
        {{ measures_of(daily, own=['service_points', 'service_answers']) }},
        cast(null as date) as purchased_on
    from service_answers
    union all
    select
        customer_id,
        contributed_on as day,
        {{ measures_of(daily, own=['contribution_points']) }},
        cast(null as date) as purchased_on
    from {{ ref('int_contributions_aggregated') }}
),

category_days as (
    select
        customer_id,
        category,
        purchased_on
    from {{ ref('int_category_days_aggregated') }}
    where {{ may_count('customer_id', ref('int_category_days_aggregated'), 'purchased_on') }}
),

category_gaps as (
    select
        customer_id,
        purchased_on,
        lag(purchased_on) over (partition by customer_id, category order by purchased_on) as bought_before_on,
        lead(purchased_on) over (partition by customer_id, category order by purchased_on) as bought_next_on
    from category_days
),

-- A category enters the window with the first purchase of a run and leaves it after the last.
category_runs as (
    select
        category_gaps.customer_id,
        window_sets.window_set,
        window_sets.spend_days,
        category_gaps.purchased_on,
        coalesce(
            {{ days_between('category_gaps.bought_before_on', 'category_gaps.purchased_on') }} > window_sets.spend_days,
            true
        ) as begins,
        coalesce(
            {{ days_between('category_gaps.purchased_on', 'category_gaps.bought_next_on') }} > window_sets.spend_days,
            true
        ) as ends
    from category_gaps
    cross join window_sets
),

category_changes as (
    select
        customer_id,
        window_set,
        purchased_on as changed_on,
        1 as window_categories,
        0 as categories_before
    from category_runs
    where begins
    union all
    select
        customer_id,
        window_set,
        {{ days_after('purchased_on', 'spend_days + 1') }} as changed_on,
        case when ends then -1 else 0 end as window_categories,
        case when begins then 1 else 0 end as categories_before
    from category_runs
    where begins or ends
    union all
    select
        customer_id,
        window_set,
        {{ days_after('purchased_on', '2 * (spend_days + 1)') }} as changed_on,
        0 as window_categories,
        -1 as categories_before
    from category_runs
    where ends
),

changes as (
    select
        customers.customer_id,
        window_sets.window_set,
        customers.known_from as changed_on,
        {{ measures_of(measures) }},
        cast(null as date) as purchased_on
    from customers
    cross join window_sets
    union all
    select
        facts.customer_id,
        phases.window_set,
        {{ days_after('facts.day', 'phases.days_later') }} as changed_on,
        {{ measures_of(measures, own=window_measures, of='facts', times='phases.in_window', given={
            'recent_purchases': 'phases.is_recent * facts.purchases',
            'purchases_before': 'phases.in_window_before * facts.purchases',
            'amount_before': 'phases.in_window_before * facts.purchased_amount',
            'purchase_cycle_days': 'phases.is_new * facts.purchase_cycle_days'
        }) }},
        case when phases.is_new = 1 then facts.purchased_on end as purchased_on
    from facts
    cross join phases
    where facts.purchases > 0 or phases.in_window <> 0
    union all
    select
        customer_id,
        window_set,
        changed_on,
        {{ measures_of(measures, own=['window_categories', 'categories_before']) }},
        cast(null as date) as purchased_on
    from category_changes
),

due_changes as (
    {{ due_changes() }}
),

steps as (
    {{ running_steps(
        counts,
        amounts,
        firsts={'first_purchase_on': 'purchased_on'},
        lasts={'last_purchase_on': 'purchased_on'}
    ) }}
),

-- Each step holds on every day of evaluation until the next.
spread as (
    select
        steps.customer_id,
        evaluation_days.evaluated_on,
        {%- for measure in measures %}
        steps.{{ measure }},
        {%- endfor %}
        steps.first_purchase_on,
        steps.last_purchase_on,
        evaluation_days.spend_days,
        evaluation_days.repeat_days,
        nullif(steps.purchase_cycle_days, 0) as cycle_days,
        {{ days_between('steps.last_purchase_on', 'evaluation_days.evaluated_on') }} as days_since_purchase,
        {{ days_between('steps.first_purchase_on', 'evaluation_days.evaluated_on') }} as days_since_first_purchase
    from steps
    inner join evaluation_days on {{ holds_on('steps', 'evaluation_days') }}
    where {{ is_due('counted', 'steps.customer_id', 'evaluation_days.evaluated_on') }}
),

missed as (
    select
        *,
        expected_cycles
        + case when cycle_days is not null then greatest(1, round(days_since_purchase / cycle_days)) - 1 else 0 end
            as cycles_due
    from spread
),

behaviours as (
    select
        customer_id,
        evaluated_on,
        cast(cycle_days as decimal(18, 2)) as purchase_cycle_days,
        {{ days_after('last_purchase_on', 'ceil(cycle_days)') }} as expected_next_purchase_on,
        cycles_held,
        cast(case when cycle_days is not null then cycles_due else 0 end as integer) as cycles_due,
        cast(
            case when cycle_days is not null then cycles_held * 1.0 / nullif(cycles_due, 0) end as decimal(9, 4)
        ) as repurchase_rate,
        purchases - case when days_since_first_purchase <= spend_days then 1 else 0 end as window_repeat_purchases,
        recent_purchases - case when days_since_first_purchase <= repeat_days then 1 else 0 end
            as recent_repeat_purchases,
        promoted_purchases,
        cast(promoted_purchases * 1.0 / nullif(purchases, 0) as decimal(9, 4)) as promotion_share,
        new_item_purchases,
        cast(new_item_purchases * 1.0 / nullif(purchases, 0) as decimal(9, 4)) as new_item_share,
        cast(returned_amount / nullif(gross_amount, 0) as decimal(18, 4)) as return_share,
        window_categories,
        -- A change needs a year before to compare with.
        case when purchases_before > 0 then window_categories - categories_before end as category_change,
        cast(
            purchased_amount / nullif(purchases, 0) - amount_before / nullif(purchases_before, 0) as decimal(18, 4)
        ) as order_value_change,
        window_complaints,
        cast(service_points * 1.0 / nullif(service_answers, 0) as decimal(9, 2)) as service_score,
        contribution_points,
        -- What the next night goes on from.
        purchases,
        expected_cycles,
        service_points,
        service_answers,
        recent_purchases,
        purchases_before,
        categories_before,
        purchased_amount,
        gross_amount,
        returned_amount,
        amount_before,
        first_purchase_on,
        last_purchase_on
    from missed
)

select * from behaviours
