with

orders as (
    select * from {{ ref('int_orders_aggregated') }}
    where customer_id is not null
),

days as (
    select
        customer_id,
        purchased_on,
        sum(case when is_purchase then 1 else 0 end) as purchases,
        sum(case when is_purchase and (used_coupon or is_discounted) then 1 else 0 end) as promoted_purchases,
        sum(case when is_purchase and has_new_item then 1 else 0 end) as new_item_purchases,
        sum(case when is_purchase then net_quantity else 0 end) as units_bought,
        sum(case when is_purchase then net_amount else 0 end) as purchased_amount,
        sum(case when is_purchase then discount_amount else 0 end) as discount_amount,
        sum(case when returned_amount > 0 then 1 else 0 end) as returned_orders,
        sum(gross_amount) as gross_amount,
        sum(returned_amount) as returned_amount,
        sum(net_amount) as net_amount
    from orders
    group by
        customer_id,
        purchased_on
),

typed as (
    select
        customer_id,
        purchased_on,
        cast(purchases as integer) as purchases,
        cast(promoted_purchases as integer) as promoted_purchases,
        cast(new_item_purchases as integer) as new_item_purchases,
        cast(units_bought as decimal(18, 4)) as units_bought,
        cast(purchased_amount as decimal(18, 4)) as purchased_amount,
        cast(discount_amount as decimal(18, 4)) as discount_amount,
        cast(returned_orders as integer) as returned_orders,
        cast(gross_amount as decimal(18, 4)) as gross_amount,
        cast(returned_amount as decimal(18, 4)) as returned_amount,
        cast(net_amount as decimal(18, 4)) as net_amount
    from days
)

select * from typed
