with

lines as (
    select * from {{ ref('int_purchases_unioned') }}
),

orders as (
    select
        order_key,
        customer_id,
        source,
        min(channel) as channel,
        min(purchased_at) as purchased_at,
        min(purchased_on) as purchased_on,
        max(case when coupon_code is not null then 1 else 0 end) = 1 as used_coupon,
        max(case when discount <> 0 and line_kind <> 'cancelled' then 1 else 0 end) = 1 as is_discounted,
        cast(sum(gross_amount) as decimal(18, 4)) as gross_amount,
        cast(sum(returned_amount) as decimal(18, 4)) as returned_amount,
        cast(sum(net_amount) as decimal(18, 4)) as net_amount,
        cast(sum(net_quantity) as decimal(18, 4)) as net_quantity
    from lines
    group by
        order_key,
        customer_id,
        source
),

judged as (
    select
        *,
        net_amount > 0 as is_purchase
    from orders
)

select * from judged
