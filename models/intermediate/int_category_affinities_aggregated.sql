with

bought as (
    select
        customer_id,
        category
    from {{ ref('int_customer_categories_aggregated') }}
    where in_window
),

buyers as (
    select
        category,
        count(*) as customers
    from bought
    group by category
),

everybody as (
    select count(distinct customer_id) as customers from bought
),

pairs as (
    select
        anchors.category,
        others.category as offered_category,
        count(*) as customers
    from bought as anchors
    inner join bought as others on anchors.customer_id = others.customer_id and anchors.category <> others.category
    group by
        anchors.category,
        others.category
),

measured as (
    select
        pairs.category,
        pairs.offered_category,
        pairs.customers,
        cast(pairs.customers as double) / anchors.customers as confidence,
        cast(pairs.customers as double) * everybody.customers / (cast(anchors.customers as double) * others.customers)
            as lift
    from pairs
    inner join buyers as anchors on pairs.category = anchors.category
    inner join buyers as others on pairs.offered_category = others.category
    cross join everybody
)

select * from measured
