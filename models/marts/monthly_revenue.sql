with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

lines as (
    select
        last_day(purchased_on) as month_end,
        channel,
        sum(gross_amount) as gross_revenue,
        sum(returned_amount) as returned_revenue,
        sum(net_amount) as net_revenue
    from {{ ref('fct_sales') }}
    group by
        last_day(purchased_on),
        channel
),

purchases as (
    select
        customer_id,
        purchased_on,
        last_day(purchased_on) as month_end,
        channel,
        net_amount
    from {{ ref('int_orders_aggregated') }}
    where is_purchase
),

firsts as (
    select
        customer_id,
        first_purchase_on
    from {{ ref('customer_360') }}
    where first_purchase_on is not null
),

bought as (
    select
        purchases.month_end,
        purchases.channel,
        count(*) as orders,
        count(distinct purchases.customer_id) as buyers,
        count(distinct case when purchases.purchased_on = firsts.first_purchase_on then purchases.customer_id end)
            as new_buyers,
        sum(purchases.net_amount) as purchased_amount
    from purchases
    left join firsts on purchases.customer_id = firsts.customer_id
    group by
        purchases.month_end,
        purchases.channel
),

months as (
    select
        lines.month_end,
        lines.channel,
        lines.gross_revenue,
        lines.returned_revenue,
        lines.net_revenue,
        coalesce(bought.orders, 0) as orders,
        coalesce(bought.buyers, 0) as buyers,
        coalesce(bought.new_buyers, 0) as new_buyers,
        bought.purchased_amount,
        sum(lines.net_revenue) over (partition by lines.month_end) as month_revenue
    from lines
    left join bought on lines.month_end = bought.month_end and lines.channel = bought.channel
),

final as (
    select
        months.month_end,
        months.month_end <= as_of.as_of_date as is_whole_month,
        months.channel,
        cast(months.orders as integer) as orders,
        cast(months.buyers as integer) as buyers,
        cast(months.new_buyers as integer) as new_buyers,
        cast(months.gross_revenue as decimal(18, 4)) as gross_revenue,
        cast(months.returned_revenue as decimal(18, 4)) as returned_revenue,
        cast(months.net_revenue as decimal(18, 4)) as net_revenue,
        cast(months.purchased_amount / nullif(months.orders, 0) as decimal(18, 2)) as average_order_value,
        cast(case when months.month_revenue > 0 then months.net_revenue / months.month_revenue end as decimal(18, 6))
            as revenue_share,
        cast(year_before.net_revenue as decimal(18, 4)) as net_revenue_year_before
    from months
    left join months as year_before
        on
            months.channel = year_before.channel
            and year_before.month_end = last_day({{ months_after('months.month_end', '-12') }})
    cross join as_of
)

select * from final
