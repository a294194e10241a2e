-- depends_on: {{ ref('tier_schemes') }}
{%- set schemes = official_schemes() %}
with

days as (
    select
        *,
        {{ days_after(
            'evaluated_on',
            '-greatest(aov_days, aov_repeat_vs_first_days, promotion_driven_repurchase_days, '
            ~ 'service_driven_repurchase_days, online_revenue_share_days, store_revenue_share_days)'
        ) }} as counted_from
    from {{ ref('int_kpi_days') }}
),

-- Purchases, contacts and cases of a customer in the order in which they happened.
moments as (
    select
        customer_id,
        purchased_at as happened_at,
        order_key,
        purchased_on,
        channel,
        source,
        net_amount,
        used_coupon or is_discounted as is_reduced,
        cast(null as timestamp) as touched_at,
        cast(null as timestamp) as campaign_at,
        cast(null as timestamp) as case_at
    from {{ ref('int_orders_aggregated') }}
    where customer_id is not null and is_purchase
    union all
    select
        customer_id,
        sent_at as happened_at,
        cast(null as varchar(200)) as order_key,
        cast(null as date) as purchased_on,
        cast(null as varchar(20)) as channel,
        cast(null as varchar(20)) as source,
        cast(null as decimal(18, 4)) as net_amount,
        cast(null as boolean) as is_reduced,
        sent_at as touched_at,
        case when campaign_id is not null then sent_at end as campaign_at,
        cast(null as timestamp) as case_at
    from {{ ref('int_outreach_resolved') }}
    where customer_id is not null and coalesce(arm, 'treatment') <> 'control'
    union all
    select
        customer_id,
        opened_at as happened_at,
        cast(null as varchar(200)) as order_key,
        cast(null as date) as purchased_on,
        cast(null as varchar(20)) as channel,
        cast(null as varchar(20)) as source,
        cast(null as decimal(18, 4)) as net_amount,
        cast(null as boolean) as is_reduced,
        case when direction = 'outbound' then opened_at end as touched_at,
        cast(null as timestamp) as campaign_at,
        opened_at as case_at
    from {{ ref('int_cases_resolved') }}
    where customer_id is not null
),

-- One order for all: a contact stands before a purchase of the same moment, so it is both before and after it.
surrounded as (
    select
        *,
        count(order_key) over so_far as purchase_number,
        max(touched_at) over so_far as touch_before_at,
        max(campaign_at) over so_far as campaign_before_at,
        max(case_at) over so_far as case_before_at,
        min(touched_at) over (
            partition by customer_id
            order by happened_at asc, order_key asc nulls first
            rows between current row and unbounded following
        ) as touch_after_at
    from moments
    window so_far as (
        partition by customer_id
        order by happened_at asc, order_key asc nulls first
        rows between unbounded preceding and current row
    )
),

judged as (
    select
        customer_id,
        purchased_on,
        channel,
        case when source = 'pos' then 0 else net_amount end as online_amount,
        net_amount,
        net_amount as purchase_amount,
        1 as is_purchase,
        purchase_number,
        case when purchase_number = 1 then net_amount else 0 end as first_amount,
        case when purchase_number = 1 then 1 else 0 end as is_first,
        case when purchase_number > 1 then net_amount else 0 end as repeat_amount,
        case when purchase_number > 1 then 1 else 0 end as is_repeat,
        is_reduced,
        cast(case when touch_before_at = happened_at then happened_at else touch_after_at end as date) as next_touch_on,
        cast(campaign_before_at as date) as campaign_before_on,
        cast(case_before_at as date) as case_before_on
    from surrounded
    where order_key is not null
    union all
    select
        customer_id,
        purchased_on,
        channel,
        case when source = 'pos' then 0 else net_amount end as online_amount,
        net_amount,
        case when is_purchase then net_amount else 0 end as purchase_amount,
        case when is_purchase then 1 else 0 end as is_purchase,
        cast(null as bigint) as purchase_number,
        0 as first_amount,
        0 as is_first,
        0 as repeat_amount,
        0 as is_repeat,
        used_coupon or is_discounted as is_reduced,
        cast(null as date) as next_touch_on,
        cast(null as date) as campaign_before_on,
        cast(null as date) as case_before_on
    from {{ ref('int_orders_aggregated') }}
    where customer_id is null or not is_purchase
),

-- A customer has a tier on every day of evaluation from the first purchase to as-of.
tiers as (
    select
        states.customer_id,
        states.evaluated_on,
        days.counted_from,
        coalesce({{ tier_in(schemes, 'days.official_scheme', 'states') }}, 'unknown') as tier
    from {{ ref('int_customer_states') }} as states
    inner join days on states.evaluated_on = days.evaluated_on
),

customers as (
    select customer_id from {{ ref('int_customer_states') }}
    where evaluated_on = (select max(days.evaluated_on) from days)
),

tierless as (
    select
        judged.*,
        case when judged.customer_id is null then 'unlinked' else 'unknown' end as tier
    from judged
    left join customers on judged.customer_id = customers.customer_id
    where customers.customer_id is null
),

placed as (
    select
        judged.*,
        tiers.tier,
        tiers.evaluated_on
    from judged
    inner join tiers
        on
            judged.customer_id = tiers.customer_id
            and judged.purchased_on <= tiers.evaluated_on
            and judged.purchased_on >= tiers.counted_from
    union all
    select
        tierless.*,
        days.evaluated_on
    from tierless
    inner join days on tierless.purchased_on <= days.evaluated_on and tierless.purchased_on >= days.counted_from
),

dated as (
    select
        placed.*,
        {{ days_between('placed.purchased_on', 'placed.evaluated_on') }} as age_days,
        days.aov_days,
        days.aov_repeat_vs_first_days,
        days.promotion_driven_repurchase_days,
        days.service_driven_repurchase_days,
        days.online_revenue_share_days,
        days.store_revenue_share_days,
        placed.is_reduced
        or coalesce(
            {{ days_between('placed.campaign_before_on', 'placed.purchased_on') }} <= days.promotion_days, false
        ) as is_promoted,
        coalesce({{ days_between('placed.case_before_on', 'placed.purchased_on') }} <= days.service_days, false)
            as is_served
    from placed
    inner join days on placed.evaluated_on = days.evaluated_on
),

order_cube as (
    select
        evaluated_on,
        tier,
        channel,
        sum(case when age_days <= aov_days then purchase_amount else 0 end) as purchase_amount,
        sum(case when age_days <= aov_days then is_purchase else 0 end) as purchases,
        sum(case when age_days <= aov_repeat_vs_first_days then first_amount else 0 end) as first_amount,
        sum(case when age_days <= aov_repeat_vs_first_days then is_first else 0 end) as first_purchases,
        sum(case when age_days <= aov_repeat_vs_first_days then repeat_amount else 0 end)
            as repeat_amount,
        sum(case when age_days <= aov_repeat_vs_first_days then is_repeat else 0 end) as repeat_purchases,
        sum(case when age_days <= promotion_driven_repurchase_days then is_repeat else 0 end) as repurchases,
        sum(case when age_days <= promotion_driven_repurchase_days and is_promoted then is_repeat else 0 end)
            as promoted_repurchases,
        sum(case when age_days <= service_driven_repurchase_days then is_repeat else 0 end) as service_repurchases,
        sum(
            case
                when age_days <= service_driven_repurchase_days and is_served and not is_promoted then is_repeat
                else 0
            end
        ) as served_repurchases,
        sum(case when age_days <= online_revenue_share_days then online_amount else 0 end) as online_amount,
        sum(case when age_days <= online_revenue_share_days then net_amount else 0 end) as online_base,
        sum(case when age_days <= store_revenue_share_days then net_amount - online_amount else 0 end) as store_amount,
        sum(case when age_days <= store_revenue_share_days then net_amount else 0 end) as store_base
    from dated
    group by
        evaluated_on,
        tier,
        channel
),

-- A channel is online or it is not: the split is broken down by tier only.
split_cube as (
    select
        evaluated_on,
        tier,
        cast(null as varchar(200)) as channel,
        sum(online_amount) as online_amount,
        sum(online_base) as online_base,
        sum(store_amount) as store_amount,
        sum(store_base) as store_base
    from order_cube
    group by
        evaluated_on,
        tier
),

-- Day by day, so that the long table is joined by equality.
purchase_days as (
    select distinct purchased_on from {{ ref('int_orders_aggregated') }}
),

touch_windows as (
    select
        purchase_days.purchased_on,
        days.evaluated_on,
        days.official_scheme,
        days.touch_days
    from purchase_days
    inner join days
        on
            purchase_days.purchased_on <= {{ days_after('days.evaluated_on', '-days.touch_days') }}
            and purchase_days.purchased_on
            >= {{ days_after('days.evaluated_on', '-(days.touch_days + days.untouched_30d_days)') }}
),

last_purchases as (
    select
        judged.customer_id,
        days.evaluated_on,
        days.official_scheme,
        max_by(judged.channel, judged.purchase_number) as channel,
        max_by(
            coalesce({{ days_between('judged.purchased_on', 'judged.next_touch_on') }} <= days.touch_days, false),
            judged.purchase_number
        ) as is_touched
    from judged
    inner join touch_windows as days on judged.purchased_on = days.purchased_on
    where judged.purchase_number is not null
    group by
        judged.customer_id,
        days.evaluated_on,
        days.official_scheme
),

touch_cube as (
    select
        last_purchases.evaluated_on,
        coalesce({{ tier_in(schemes, 'last_purchases.official_scheme', 'states') }}, 'unknown') as tier,
        last_purchases.channel,
        sum(case when last_purchases.is_touched then 0 else 1 end) as untouched,
        count(*) as buyers
    from last_purchases
    left join {{ ref('int_customer_states') }} as states
        on last_purchases.customer_id = states.customer_id and last_purchases.evaluated_on = states.evaluated_on
    group by
        last_purchases.evaluated_on,
        coalesce({{ tier_in(schemes, 'last_purchases.official_scheme', 'states') }}, 'unknown'),
        last_purchases.channel
),

counts as (
    {{ kpi_rows('order_cube', [
        ('aov', 'purchase_amount', 'purchases'),
        ('aov_of_first_purchases', 'first_amount', 'first_purchases'),
        ('aov_of_repeat_purchases', 'repeat_amount', 'repeat_purchases'),
        ('promotion_driven_repurchase', 'promoted_repurchases', 'repurchases'),
        ('service_driven_repurchase', 'served_repurchases', 'service_repurchases'),
    ]) }}
    union all
    {{ kpi_rows('split_cube', [
        ('online_revenue_share', 'online_amount', 'online_base'),
        ('store_revenue_share', 'store_amount', 'store_base'),
    ]) }}
    union all
    {{ kpi_rows('touch_cube', [('untouched_30d', 'untouched', 'buyers')]) }}
)

select * from counts
