{{ config(materialized='kept', due='counted', rows='steps') }}
{%- set measures = ['purchased_amount', 'discount_amount', 'returned_amount', 'window_cost'] %}
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
        spend_days
    from evaluation_days
),

unit_costs as (
    select
        cost,
        applies_to,
        amount,
        case
            when row_number() over (partition by cost, applies_to order by valid_from) = 1
                then cast('1900-01-01' as date)
            else valid_from
        end as valid_from,
        coalesce(
            lead(valid_from) over (partition by cost, applies_to order by valid_from), cast('9999-12-31' as date)
        ) as replaced_on
    from {{ ref('unit_costs') }}
),

contacts as (
    select
        customer_id,
        cast(opened_at as date) as incurred_on,
        'service_case' as cost,
        case when handled_by = 'bot' then 'bot' else channel end as applies_to,
        count(*) as times
    from {{ ref('int_cases_resolved') }}
    where customer_id is not null
    group by
        customer_id,
        cast(opened_at as date),
        case when handled_by = 'bot' then 'bot' else channel end
    union all
    select
        customer_id,
        cast(sent_at as date) as incurred_on,
        'outreach' as cost,
        channel as applies_to,
        count(*) as times
    from {{ ref('int_outreach_resolved') }}
    -- Nothing was sent to a control group.
    where customer_id is not null and coalesce(arm, 'treatment') <> 'control'
    group by
        customer_id,
        cast(sent_at as date),
        channel
    union all
    select
        customer_id,
        purchased_on as incurred_on,
        'return' as cost,
        'order' as applies_to,
        returned_orders as times
    from {{ ref('int_purchase_days_aggregated') }}
    where returned_orders > 0
),

-- A channel without a price of its own costs what `other` does.
costs as (
    select
        contacts.customer_id,
        contacts.incurred_on,
        sum(contacts.times * coalesce(own.amount, other.amount, 0)) as cost
    from contacts
    left join unit_costs as own
        on
            contacts.cost = own.cost
            and contacts.applies_to = own.applies_to
            and contacts.incurred_on >= own.valid_from
            and contacts.incurred_on < own.replaced_on
    left join unit_costs as other
        on
            contacts.cost = other.cost
            and other.applies_to = 'other'
            and contacts.incurred_on >= other.valid_from
            and contacts.incurred_on < other.replaced_on
    group by
        contacts.customer_id,
        contacts.incurred_on
),

changes as (
    select
        purchase_days.customer_id,
        window_sets.window_set,
        purchase_days.purchased_on as changed_on,
        {{ measures_of(measures, own=['purchased_amount', 'discount_amount'], of='purchase_days', given={
            'returned_amount': 'purchase_days.purchased_amount - purchase_days.net_amount'
        }) }}
    from {{ ref('int_purchase_days_aggregated') }} as purchase_days
    cross join window_sets
    union all
    select
        costs.customer_id,
        window_sets.window_set,
        costs.incurred_on as changed_on,
        {{ measures_of(measures, given={'window_cost': 'costs.cost'}) }}
    from costs
    cross join window_sets
    union all
    select
        costs.customer_id,
        window_sets.window_set,
        {{ days_after('costs.incurred_on', 'window_sets.spend_days + 1') }} as changed_on,
        {{ measures_of(measures, given={'window_cost': '-costs.cost'}) }}
    from costs
    cross join window_sets
),

due_changes as (
    {{ due_changes() }}
),

steps as (
    {{ running_steps(amounts=measures) }}
)

select * from steps
