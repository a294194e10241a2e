with

lines as (
    select
        customer_id,
        category,
        order_key,
        purchased_on,
        net_amount
    from {{ ref('int_purchases_unioned') }}
    where customer_id is not null and category is not null
),

-- Few tickets hold a return, and only theirs have to be added up.
returned as (
    select
        customer_id,
        category,
        order_key
    from lines
    where net_amount < 0
    group by
        customer_id,
        category,
        order_key
),

given_back as (
    select
        lines.customer_id,
        lines.category,
        lines.order_key
    from lines
    inner join returned
        on
            lines.order_key = returned.order_key
            and lines.customer_id = returned.customer_id
            and lines.category = returned.category
    group by
        lines.customer_id,
        lines.category,
        lines.order_key
    having sum(lines.net_amount) <= 0
),

days as (
    select
        lines.customer_id,
        lines.category,
        lines.purchased_on
    from lines
    left join given_back
        on
            lines.order_key = given_back.order_key
            and lines.customer_id = given_back.customer_id
            and lines.category = given_back.category
    where lines.net_amount > 0 and given_back.order_key is null
    group by
        lines.customer_id,
        lines.category,
        lines.purchased_on
)

select * from days
