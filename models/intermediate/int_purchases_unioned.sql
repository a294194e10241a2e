with

as_of as (
    select * from {{ ref('int_as_of') }}
),

xref as (
    select
        source,
        record_key,
        customer_id
    from {{ ref('stg_identity__customer_xref') }}
),

-- Tills and exports often write the customer on the first line of a ticket only: its other lines are the same basket.
nameless_tickets as (
    select distinct ticket_id
    from {{ ref('stg_pos__sales') }}
    where member_id is null
),

lone_members as (
    select
        lines.ticket_id,
        min(lines.member_id) as member_id
    from {{ ref('stg_pos__sales') }} as lines
    inner join nameless_tickets on lines.ticket_id = nameless_tickets.ticket_id
    group by lines.ticket_id
    having min(lines.member_id) = max(lines.member_id)
),

nameless_orders as (
    select distinct order_id
    from {{ ref('stg_ecommerce__orders') }}
    where account_id is null
),

lone_accounts as (
    select
        lines.order_id,
        min(lines.account_id) as account_id
    from {{ ref('stg_ecommerce__orders') }} as lines
    inner join nameless_orders on lines.order_id = nameless_orders.order_id
    group by lines.order_id
    having min(lines.account_id) = max(lines.account_id)
),

store_lines as (
    select
        'pos' as source,
        lines.record_key,
        lines.ticket_id as order_number,
        lines.line_no,
        'store' as channel,
        lines.sold_at as purchased_at,
        lines.store_id,
        coalesce(members.customer_id, tickets.customer_id) as customer_id,
        lines.sku,
        lines.product_name,
        lines.category,
        lines.quantity,
        lines.unit_price,
        lines.discount,
        lines.amount,
        cast('completed' as varchar(20)) as status,
        cast(null as varchar(100)) as coupon_code
    from {{ ref('stg_pos__sales') }} as lines
    left join lone_members on lines.ticket_id = lone_members.ticket_id
    left join xref as members
        on
            coalesce(lines.member_id, lone_members.member_id) = members.record_key
            and members.source = 'pos.members'
    left join xref as tickets
        on lines.ticket_id = tickets.record_key and tickets.source = 'pos.sales'
),

online_lines as (
    select
        'ecommerce' as source,
        lines.record_key,
        lines.order_id as order_number,
        lines.line_no,
        coalesce(lines.channel, 'online') as channel,
        lines.ordered_at as purchased_at,
        cast(null as varchar(100)) as store_id,
        coalesce(accounts.customer_id, guests.customer_id) as customer_id,
        lines.sku,
        lines.product_name,
        lines.category,
        lines.quantity,
        lines.unit_price,
        lines.discount,
        lines.amount,
        lines.status,
        lines.coupon_code
    from {{ ref('stg_ecommerce__orders') }} as lines
    left join lone_accounts on lines.order_id = lone_accounts.order_id
    left join xref as accounts
        on
            coalesce(lines.account_id, lone_accounts.account_id) = accounts.record_key
            and accounts.source = 'ecommerce.customers'
    left join xref as guests
        on lines.order_id = guests.record_key and guests.source = 'ecommerce.orders'
),

both_channels as (
    select * from store_lines
    union all
    select * from online_lines
),

valued as (
    select
        both_channels.source || '|' || both_channels.record_key as sale_line_id,
        both_channels.source || '|' || both_channels.order_number as order_key,
        both_channels.order_number as order_id,
        both_channels.source,
        both_channels.line_no,
        both_channels.channel,
        both_channels.purchased_at,
        cast(both_channels.purchased_at as date) as purchased_on,
        both_channels.store_id,
        both_channels.customer_id,
        both_channels.sku,
        both_channels.product_name,
        both_channels.category,
        both_channels.quantity,
        both_channels.unit_price,
        both_channels.discount,
        both_channels.amount,
        both_channels.status,
        both_channels.coupon_code,
        case
            when both_channels.status = 'cancelled' then 'cancelled'
            when both_channels.amount < 0 then 'return'
            when both_channels.amount = 0 and both_channels.quantity < 0 then 'return'
            when both_channels.status = 'refunded' then 'refunded'
            else 'kept'
        end as line_kind,
        case
            when both_channels.status = 'cancelled' or both_channels.amount < 0 then 0
            else both_channels.amount
        end as gross_amount,
        case
            when both_channels.status = 'cancelled' then 0
            when both_channels.amount < 0 then -both_channels.amount
            when both_channels.status = 'refunded' then both_channels.amount
            else 0
        end as returned_amount,
        case
            when both_channels.status = 'cancelled' then 0
            when both_channels.status = 'refunded' and both_channels.amount >= 0 and both_channels.quantity > 0 then 0
            else both_channels.quantity
        end as net_quantity
    from both_channels
    cross join as_of
    where both_channels.purchased_at < as_of.as_of_end
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
        cast(gross_amount - returned_amount as decimal(18, 4)) as net_amount,
        cast(net_quantity as decimal(18, 4)) as net_quantity,
        coupon_code is not null as used_coupon
    from valued
)

select * from final
