with

lines as (
    select * from {{ ref('int_purchases_unioned') }}
),

final as (
    select
        sale_line_id,
        order_key,
        order_id,
        line_no,
        source,
        channel,
        customer_id,
        purchased_at,
        purchased_on,
        store_id,
        sku,
        product_name,
        category,
        cast(quantity as decimal(18, 4)) as quantity,
        cast(unit_price as decimal(18, 4)) as unit_price,
        cast(discount as decimal(18, 4)) as discount,
        cast(amount as decimal(18, 4)) as amount,
        status,
        line_kind,
        cast(gross_amount as decimal(18, 4)) as gross_amount,
        cast(returned_amount as decimal(18, 4)) as returned_amount,
        cast(net_amount as decimal(18, 4)) as net_amount,
        cast(net_quantity as decimal(18, 4)) as net_quantity,
        coupon_code is not null as used_coupon
    from lines
)

select * from final
