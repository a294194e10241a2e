-- depends_on: {{ ref('price_bands') }}
{%- set price_bands = policy_rules('price_bands', scheme="'price_band'", outcome='price_band') %}
with

as_of as (
    select * from {{ ref('int_as_of') }}
),

orders as (
    select
        orders.customer_id,
        orders.channel,
        orders.purchased_on,
        orders.used_coupon,
        orders.used_coupon or orders.is_discounted as is_promoted
    from {{ ref('int_orders_aggregated') }} as orders
    where orders.customer_id is not null and orders.is_purchase
),

channel_counts as (
    select
        customer_id,
        channel,
        count(*) as purchases,
        max(purchased_on) as last_purchase_on
    from orders
    group by
        customer_id,
        channel
),

channels as (
    select
        customer_id,
        channel,
        row_number() over (
            partition by customer_id
            order by purchases desc, last_purchase_on desc, channel asc
        ) as choice
    from channel_counts
),

channel_shares as (
    select
        customer_id,
        1.0 * sum(case when channel = 'store' then purchases else 0 end) / sum(purchases) as store_share,
        1.0 * sum(case when channel = 'web' then purchases else 0 end) / sum(purchases) as web_share,
        1.0 * sum(case when channel = 'app' then purchases else 0 end) / sum(purchases) as app_share,
        1.0 * sum(case when channel = 'mini_program' then purchases else 0 end) / sum(purchases)
            as mini_program_share
    from channel_counts
    group by customer_id
),

promotions as (
    select
        customer_id,
        avg(case when used_coupon then 1.0 else 0.0 end) as coupon_share,
        avg(case when is_promoted then 1.0 else 0.0 end) as promotion_share
    from orders
    group by customer_id
),

categories as (
    select
        customer_id,
        category,
        net_amount,
        row_number() over (partition by customer_id order by net_amount desc, category asc) as choice
    from {{ ref('int_customer_categories_aggregated') }}
),

breadth as (
    select
        customer_id,
        max(case when choice = 1 and net_amount > 0 then category end) as favourite_category,
        max(case when choice = 1 and net_amount > 0 then net_amount end)
        / nullif(sum(case when net_amount > 0 then net_amount else 0 end), 0) as favourite_category_share
    from categories
    group by customer_id
),

priced_lines as (
    select
        lines.customer_id,
        lines.net_quantity,
        lines.net_amount,
        lines.net_amount / lines.net_quantity as unit_price,
        as_of.as_of_date
    from {{ ref('int_purchases_unioned') }} as lines
    cross join as_of
    where
        lines.customer_id is not null
        and lines.line_kind = 'kept'
        and lines.net_quantity > 0
        and lines.net_amount > 0
),

banded_lines as (
    select
        customer_id,
        net_quantity,
        net_amount,
        {{ first_that_holds(price_bands, 'price_band', 'as_of_date') }} as price_band
    from priced_lines
),

bands as (
    select
        customer_id,
        price_band,
        row_number() over (
            partition by customer_id
            order by sum(net_quantity) desc, sum(net_amount) desc, price_band asc
        ) as choice
    from banded_lines
    group by
        customer_id,
        price_band
),

habits as (
    select
        promotions.customer_id,
        channels.channel as preferred_channel,
        cast(channel_shares.store_share as decimal(5, 4)) as store_share,
        cast(channel_shares.web_share as decimal(5, 4)) as web_share,
        cast(channel_shares.app_share as decimal(5, 4)) as app_share,
        cast(channel_shares.mini_program_share as decimal(5, 4)) as mini_program_share,
        case
            when channel_shares.store_share = 1 then 'store_only'
            when channel_shares.store_share = 0 then 'online_only'
            else 'store_and_online'
        end as channel_habit,
        bands.price_band,
        cast(promotions.coupon_share as decimal(5, 4)) as coupon_share,
        cast(promotions.promotion_share as decimal(5, 4)) as promotion_share,
        breadth.favourite_category,
        cast(breadth.favourite_category_share as decimal(5, 4)) as favourite_category_share
    from promotions
    left join channels on promotions.customer_id = channels.customer_id and channels.choice = 1
    left join channel_shares on promotions.customer_id = channel_shares.customer_id
    left join bands on promotions.customer_id = bands.customer_id and bands.choice = 1
    left join breadth on promotions.customer_id = breadth.customer_id
)

select * from habits
