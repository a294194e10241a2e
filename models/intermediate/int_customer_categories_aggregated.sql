with

as_of as (
    select * from {{ ref('int_as_of') }}
),

categories as (
    select
        lines.customer_id,
        lines.category,
        sum(lines.net_amount) as net_amount,
        min(case when lines.net_amount > 0 then lines.purchased_on end) as first_bought_on,
        max(
            case
                when
                    lines.net_amount > 0
                    and lines.purchased_on >= {{ days_after('as_of.as_of_date', '-as_of.spend_days') }}
                    then 1
                else 0
            end
        ) as in_window
    from {{ ref('int_purchases_unioned') }} as lines
    cross join as_of
    where lines.customer_id is not null and lines.category is not null
    group by
        lines.customer_id,
        lines.category
),

typed as (
    select
        customer_id,
        category,
        cast(net_amount as decimal(18, 4)) as net_amount,
        first_bought_on,
        in_window = 1 as in_window
    from categories
)

select * from typed
