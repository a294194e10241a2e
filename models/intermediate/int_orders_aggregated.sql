-- depends_on: {{ ref('evaluation_windows') }}
{%- set windows = policy_setting_versions('evaluation_windows') %}
with

lines as (
    select * from {{ ref('int_purchases_unioned') }}
),

first_sales as (
    select
        sku,
        min(purchased_on) as first_sold_on
    from lines
    where line_kind = 'kept'
    group by sku
),

-- What was on sale when the records begin may have been so for years: nobody knows when it was new.
records_begin as (
    select min(first_sold_on) as begin_on from first_sales
),

launches as (
    select
        first_sales.sku,
        first_sales.first_sold_on
    from first_sales
    cross join records_begin
    where
        first_sales.first_sold_on
        > {{ days_after('records_begin.begin_on', setting_on(windows, 'new_item_days', 'records_begin.begin_on')) }}
),

orders as (
    select
        lines.order_key,
        lines.customer_id,
        lines.source,
        min(lines.channel) as channel,
        min(lines.purchased_at) as purchased_at,
        min(lines.purchased_on) as purchased_on,
        max(case when lines.used_coupon and lines.line_kind <> 'cancelled' then 1 else 0 end) = 1 as used_coupon,
        max(case when lines.discount <> 0 and lines.line_kind <> 'cancelled' then 1 else 0 end) = 1 as is_discounted,
        cast(sum(lines.gross_amount) as decimal(18, 4)) as gross_amount,
        cast(sum(lines.returned_amount) as decimal(18, 4)) as returned_amount,
        cast(sum(lines.net_amount) as decimal(18, 4)) as net_amount,
        -- Some tills write a discount with a minus.
        cast(
            sum(case when lines.line_kind = 'kept' then abs(coalesce(lines.discount, 0)) else 0 end) as decimal(18, 4)
        ) as discount_amount,
        cast(sum(lines.net_quantity) as decimal(18, 4)) as net_quantity,
        max(
            case
                when
                    lines.line_kind = 'kept'
                    and {{ days_between('launches.first_sold_on', 'lines.purchased_on') }}
                    <= {{ setting_on(windows, 'new_item_days', 'lines.purchased_on') }}
                    then 1
                else 0
            end
        ) = 1 as has_new_item
    from lines
    left join launches on lines.sku = launches.sku
    group by
        lines.order_key,
        lines.customer_id,
        lines.source
),

judged as (
    select
        *,
        net_amount > 0 as is_purchase
    from orders
)

select * from judged
