with

as_of as (
    select * from {{ ref('int_as_of') }}
),

spend as (
    select
        customer_id,
        category,
        cast(sum(net_amount) as decimal(18, 4)) as net_amount
    from {{ ref('int_purchases_unioned') }}
    where customer_id is not null and category is not null
    group by
        customer_id,
        category
),

bought as (
    select
        customer_id,
        category,
        min(purchased_on) as first_bought_on,
        max(purchased_on) as last_bought_on
    from {{ ref('int_category_days_aggregated') }}
    group by
        customer_id,
        category
),

categories as (
    select
        spend.customer_id,
        spend.category,
        spend.net_amount,
        bought.first_bought_on,
        coalesce(
            bought.last_bought_on >= {{ days_after('as_of.as_of_date', '-as_of.spend_days') }}, false
        ) as in_window
    from spend
    cross join as_of
    left join bought on spend.customer_id = bought.customer_id and spend.category = bought.category
)

select * from categories
