with

as_of as (
    select * from {{ ref('int_as_of') }}
),

orders as (
    select
        orders.customer_id,
        orders.channel,
        orders.purchased_on,
        orders.net_amount,
        case
            when orders.purchased_on >= {{ days_after('as_of.as_of_date', '-as_of.spend_days') }}
                then 'window'
            when orders.purchased_on >= {{ days_after('as_of.as_of_date', '-2 * as_of.spend_days - 1') }}
                then 'window_before'
            else 'earlier'
        end as period
    from {{ ref('int_orders_aggregated') }} as orders
    cross join as_of
    where orders.customer_id is not null and orders.is_purchase
),

channels as (
    select
        customer_id,
        channel,
        row_number() over (
            partition by customer_id
            order by count(*) desc, max(purchased_on) desc, channel asc
        ) as choice
    from orders
    group by
        customer_id,
        channel
),

purchase_days as (
    select distinct
        customer_id,
        purchased_on
    from orders
),

gaps as (
    select
        customer_id,
        {{ days_between('lag(purchased_on) over (partition by customer_id order by purchased_on)', 'purchased_on') }}
            as gap_days
    from purchase_days
),

cycles as (
    select
        customer_id,
        cast({{ median_of('gap_days') }} as decimal(18, 2)) as purchase_cycle_days
    from gaps
    where gap_days is not null
    group by customer_id
),

order_values as (
    select
        customer_id,
        avg(case when period = 'window' then net_amount end) as order_value,
        avg(case when period = 'window_before' then net_amount end) as order_value_before
    from orders
    group by customer_id
),

categories as (
    select
        customer_id,
        category,
        net_amount,
        in_window,
        in_window_before,
        row_number() over (partition by customer_id order by net_amount desc, category asc) as choice
    from {{ ref('int_customer_categories_aggregated') }}
),

breadth as (
    select
        customer_id,
        max(case when choice = 1 and net_amount > 0 then category end) as favourite_category,
        sum(case when in_window then 1 else 0 end) as categories_bought,
        sum(case when in_window_before then 1 else 0 end) as categories_bought_before
    from categories
    group by customer_id
),

habits as (
    select
        order_values.customer_id,
        channels.channel as preferred_channel,
        cycles.purchase_cycle_days,
        breadth.favourite_category,
        -- A change needs a year before to compare with.
        case
            when order_values.order_value_before is not null
                then cast(breadth.categories_bought - breadth.categories_bought_before as integer)
        end as category_change,
        cast(order_values.order_value - order_values.order_value_before as decimal(18, 4)) as order_value_change
    from order_values
    left join channels on order_values.customer_id = channels.customer_id and channels.choice = 1
    left join cycles on order_values.customer_id = cycles.customer_id
    left join breadth on order_values.customer_id = breadth.customer_id
)

select * from habits
