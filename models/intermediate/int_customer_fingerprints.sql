{#- What the models of customers and days are counted from, fact by fact: a column that one of them reads is named
    here. -#}
{%- set facts = [
    ('int_customers_known', ['first_seen_on']),
    ('int_purchase_days_aggregated', [
        'purchased_on', 'purchases', 'promoted_purchases', 'new_item_purchases', 'units_bought', 'purchased_amount',
        'discount_amount', 'returned_orders', 'gross_amount', 'returned_amount', 'net_amount',
    ]),
    ('int_category_days_aggregated', ['category', 'purchased_on']),
    ('int_activity_days_aggregated', ['active_on', 'logins', 'visits', 'service_contacts', 'purchases']),
    ('int_interactions_aggregated', ['interacted_on', 'interactions']),
    ('int_contributions_aggregated', ['contributed_on', 'contribution_points']),
    ('int_cases_resolved', [
        'opened_at', 'resolved_at', 'is_resolved', 'channel', 'case_type', 'topic', 'handled_by',
    ]),
    ('int_outreach_resolved', ['sent_at', 'channel', 'arm']),
] %}
with

-- What an answer is about is told by its case, which may be of another customer.
answers as (
    select
        surveys.customer_id,
        {{ row_hash([
            "'answers'", 'surveys.survey_id', 'surveys.responded_at', 'surveys.nps', 'surveys.csat', 'cases.topic',
        ]) }} as row_hash
    from {{ ref('int_surveys_resolved') }} as surveys
    left join {{ ref('int_cases_resolved') }} as cases on surveys.case_id = cases.case_id
    where surveys.customer_id is not null
),

hashed as (
    select * from answers
    {%- for model, columns in facts %}
    union all
    select
        customer_id,
        {{ row_hash(["'" ~ model ~ "'"] + columns) }} as row_hash
    from {{ ref(model) }}
    where customer_id is not null
    {%- endfor %}
),

fingerprints as (
    select
        customer_id,
        cast(count(*) as varchar(20)) || ':' || cast(sum(row_hash) as varchar(50)) as fingerprint
    from hashed
    group by customer_id
)

select * from fingerprints
