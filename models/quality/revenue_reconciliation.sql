with

as_of as (
    select * from {{ ref('int_as_of') }}
),

store_lines as (
    select
        count(*) as line_count,
        sum(lines.amount) as amount
    from {{ ref('stg_pos__sales') }} as lines
    cross join as_of
    where lines.sold_at < as_of.as_of_end
),

online_lines as (
    select
        count(*) as line_count,
        sum(lines.amount) as amount
    from {{ ref('stg_ecommerce__orders') }} as lines
    cross join as_of
    where lines.ordered_at < as_of.as_of_end
),

facts as (
    select
        count(*) as line_count,
        sum(amount) as amount,
        sum(net_amount) as net_amount,
        sum(case when customer_id is null then net_amount else 0 end) as unlinked_net_amount
    from {{ ref('fct_sales') }}
),

customers as (
    select sum(net_revenue) as net_revenue from {{ ref('customer_360') }}
),

compared as (
    select
        'sales_lines' as measure,
        coalesce(store_lines.line_count, 0) + coalesce(online_lines.line_count, 0) as expected,
        facts.line_count as found
    from store_lines
    cross join online_lines
    cross join facts
    union all
    select
        'sales_amount' as measure,
        coalesce(store_lines.amount, 0) + coalesce(online_lines.amount, 0) as expected,
        coalesce(facts.amount, 0) as found
    from store_lines
    cross join online_lines
    cross join facts
    union all
    select
        'net_revenue' as measure,
        coalesce(facts.net_amount, 0) as expected,
        coalesce(customers.net_revenue, 0) + coalesce(facts.unlinked_net_amount, 0) as found
    from facts
    cross join customers
),

final as (
    select
        compared.measure,
        cast(compared.expected as decimal(38, 4)) as expected,
        cast(compared.found as decimal(38, 4)) as found,
        cast(compared.found - compared.expected as decimal(38, 4)) as difference,
        as_of.as_of_date as as_of
    from compared
    cross join as_of
)

select * from final
