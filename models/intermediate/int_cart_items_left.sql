-- depends_on: {{ ref('contact_plan') }}
{%- set plan = policy_settings('contact_plan') %}
with

as_of as (
    select * from {{ ref('int_as_of') }}
),

xref as (
    select
        record_key,
        customer_id
    from {{ ref('stg_identity__customer_xref') }}
    where source = 'ecommerce.customers' and customer_id is not null
),

events as (
    select
        xref.customer_id,
        events.sku,
        events.occurred_at,
        events.event_type
    from {{ ref('stg_ecommerce__events') }} as events
    inner join xref on events.account_id = xref.record_key
    cross join as_of
    where
        events.event_type in ('add_to_cart', 'checkout', 'purchase')
        and events.occurred_at < as_of.as_of_end
        and events.occurred_at >= {{ days_after('as_of.as_of_date', '-' ~ plan.get('measured_days', '0')) }}
),

cart_customers as (
    select distinct customer_id
    from events
    where event_type <> 'purchase'
),

bought as (
    select
        lines.customer_id,
        lines.sku,
        lines.purchased_at as bought_at
    from {{ ref('int_purchases_unioned') }} as lines
    inner join cart_customers on lines.customer_id = cart_customers.customer_id
    cross join as_of
    where
        lines.line_kind in ('kept', 'refunded')
        and lines.purchased_at >= {{ days_after('as_of.as_of_date', '-' ~ plan.get('measured_days', '0')) }}
    union all
    select
        customer_id,
        sku,
        occurred_at as bought_at
    from events
    where event_type = 'purchase'
),

-- A checkout that names no article is ended by whatever is bought next: such events have the empty article.
moments as (
    select
        customer_id,
        coalesce(sku, '') as sku,
        occurred_at as happened_at,
        true as is_cart
    from events
    where event_type <> 'purchase'
    union all
    select
        customer_id,
        sku,
        bought_at as happened_at,
        false as is_cart
    from bought
    where sku is not null
    union all
    select
        customer_id,
        '' as sku,
        bought_at as happened_at,
        false as is_cart
    from bought
),

followed as (
    select
        customer_id,
        sku,
        happened_at,
        is_cart,
        min(case when not is_cart then happened_at end) over (
            partition by customer_id, sku
            order by happened_at
            range between current row and unbounded following
        ) as bought_at,
        -- Touching the article again starts the clock anew.
        min(case when is_cart then happened_at end) over (
            partition by customer_id, sku
            order by happened_at, is_cart
            rows between 1 following and unbounded following
        ) as touched_again_at
    from moments
),

items as (
    select
        customer_id,
        nullif(sku, '') as sku,
        happened_at as left_at,
        least(coalesce(bought_at, touched_again_at), coalesce(touched_again_at, bought_at)) as ended_at
    from followed
    where is_cart
)

select * from items
