-- depends_on: {{ ref('points_settings') }}
{%- set settings = policy_setting_versions('points_settings') %}
with

rules as (
    select
        rules.*,
        coalesce(
            lead(rules.valid_from) over (
                partition by rules.event, rules.sku, rules.category, rules.scheme, rules.tiers
                order by rules.valid_from
            ),
            cast('9999-12-31' as date)
        ) as replaced_on
    from {{ ref('points_rules') }} as rules
),

lines as (
    select
        order_key,
        customer_id,
        purchased_at,
        purchased_on,
        sku,
        category,
        gross_amount,
        returned_amount
    from {{ ref('int_purchases_unioned') }}
    where customer_id is not null and (gross_amount > 0 or returned_amount > 0)
),

-- Purchases in the month of birth, with the rules that may multiply their points.
birthday_days as (
    select
        days.customer_id,
        days.purchased_on,
        rules.scheme,
        rules.tiers,
        rules.multiplier
    from {{ ref('int_purchase_days_aggregated') }} as days
    inner join {{ ref('int_customers_known') }} as known
        on
            days.customer_id = known.customer_id
            and extract(month from days.purchased_on) = extract(month from known.birthday)
    inner join rules
        on
            rules.event = 'birthday'
            and days.purchased_on >= rules.valid_from
            and days.purchased_on < rules.replaced_on
    where days.gross_amount > 0
),

-- By the tier of that day where the rule asks for one. Two inner joins: an outer one on a pattern compares every
-- purchase with every spell.
multiplied_purchases as (
    select
        customer_id,
        purchased_on,
        multiplier
    from birthday_days
    where scheme is null
    union all
    select
        birthday_days.customer_id,
        birthday_days.purchased_on,
        birthday_days.multiplier
    from birthday_days
    inner join {{ ref('int_tier_spells') }} as spells
        on
            birthday_days.customer_id = spells.customer_id
            and birthday_days.scheme = spells.scheme
            and birthday_days.purchased_on >= spells.from_on
            and birthday_days.purchased_on < coalesce(spells.until_on, cast('9999-12-31' as date))
    where ' ' || birthday_days.tiers || ' ' like '% ' || spells.tier || ' %'
),

multiplied_days as (
    select
        customer_id,
        purchased_on,
        max(multiplier) as multiplier
    from multiplied_purchases
    group by
        customer_id,
        purchased_on
),

multiplied_customers as (
    select distinct customer_id from multiplied_days
),

-- What was earned double is taken back double: a return counts as one of the customer's last purchase of the article.
bought_before as (
    select
        lines.order_key,
        lines.customer_id,
        lines.purchased_at,
        lines.sku,
        max(case when lines.gross_amount > 0 then lines.purchased_on end) over (
            partition by lines.customer_id, lines.sku
            order by lines.purchased_at
            range between unbounded preceding and current row
        ) as bought_on
    from lines
    inner join multiplied_customers on lines.customer_id = multiplied_customers.customer_id
),

bought_days as (
    select
        order_key,
        customer_id,
        purchased_at,
        sku,
        max(bought_on) as bought_on
    from bought_before
    group by
        order_key,
        customer_id,
        purchased_at,
        sku
),

rated as (
    select
        lines.order_key,
        lines.customer_id,
        lines.purchased_at,
        lines.purchased_on,
        lines.sku,
        lines.gross_amount,
        lines.returned_amount,
        coalesce(by_sku.points_per_yuan, by_category.points_per_yuan, by_default.points_per_yuan, 0) as points_per_yuan
    from lines
    left join rules as by_sku
        on
            by_sku.event = 'purchase'
            and lines.sku = by_sku.sku
            and lines.purchased_on >= by_sku.valid_from
            and lines.purchased_on < by_sku.replaced_on
    left join rules as by_category
        on
            by_category.event = 'purchase'
            and by_category.sku is null
            and lines.category = by_category.category
            and lines.purchased_on >= by_category.valid_from
            and lines.purchased_on < by_category.replaced_on
    left join rules as by_default
        on
            by_default.event = 'purchase'
            and by_default.sku is null
            and by_default.category is null
            and lines.purchased_on >= by_default.valid_from
            and lines.purchased_on < by_default.replaced_on
),

-- Amounts are made wide enough for any rate. Sums are exact; of them only the whole points are needed.
orders as (
    select
        order_key,
        customer_id,
        purchased_on,
        sum(cast(gross_amount as decimal(28, 4)) * points_per_yuan) as points
    from rated
    where gross_amount > 0
    group by
        order_key,
        customer_id,
        purchased_on
),

earned as (
    select
        orders.order_key,
        orders.customer_id,
        orders.purchased_on,
        floor(cast(orders.points * coalesce(multiplied_days.multiplier, 1) as double)) as points
    from orders
    left join multiplied_days
        on orders.customer_id = multiplied_days.customer_id and orders.purchased_on = multiplied_days.purchased_on
),

returned as (
    select
        rated.order_key,
        rated.customer_id,
        rated.purchased_on,
        floor(
            cast(
                sum(
                    cast(rated.returned_amount as decimal(28, 4))
                    * rated.points_per_yuan
                    * coalesce(multiplied_days.multiplier, 1)
                ) as double
            )
        ) as points
    from rated
    left join bought_days
        on
            rated.customer_id = bought_days.customer_id
            and rated.order_key = bought_days.order_key
            and rated.purchased_at = bought_days.purchased_at
            and rated.sku = bought_days.sku
    left join multiplied_days
        on
            bought_days.customer_id = multiplied_days.customer_id
            and bought_days.bought_on = multiplied_days.purchased_on
    where rated.returned_amount > 0
    group by
        rated.order_key,
        rated.customer_id,
        rated.purchased_on
),

fixed_points as (
    select
        event,
        points,
        valid_from,
        replaced_on
    from rules
    where points is not null
),

first_purchases as (
    select
        customer_id,
        min(purchased_on) as first_on
    from {{ ref('int_purchase_days_aggregated') }}
    where purchases > 0
    group by customer_id
),

-- A referral is verified by the referred customer's first purchase.
occasions as (
    select
        known.referrer_customer_id as customer_id,
        'referral' as event,
        first_purchases.first_on as booked_on,
        known.customer_id as reference
    from {{ ref('int_customers_known') }} as known
    inner join first_purchases on known.customer_id = first_purchases.customer_id
    where known.referrer_customer_id is not null
    union all
    select
        customer_id,
        'survey' as event,
        cast(responded_at as date) as booked_on,
        survey_id as reference
    from {{ ref('int_surveys_resolved') }}
    where customer_id is not null
    union all
    -- Nobody knows when a profile became complete: its points are of the day of registration.
    select
        profiles.customer_id,
        'profile' as event,
        coalesce(profiles.registered_on, profiles.first_seen_on, profiles.as_of) as booked_on,
        'profile' as reference
    from {{ ref('customer_360') }} as profiles
    where profiles.profile_completeness >= {{ setting_on(settings, 'complete_profile_percent', 'profiles.as_of') }}
),

booked as (
    select
        customer_id,
        purchased_on as booked_on,
        'purchase' as entry_type,
        order_key as reference,
        cast(points as bigint) as points
    from earned
    where points >= 1
    union all
    select
        customer_id,
        purchased_on as booked_on,
        'taken_back' as entry_type,
        order_key as reference,
        cast(-points as bigint) as points
    from returned
    where points >= 1
    union all
    select
        occasions.customer_id,
        occasions.booked_on,
        occasions.event as entry_type,
        occasions.reference,
        cast(fixed_points.points as bigint) as points
    from occasions
    inner join fixed_points
        on
            occasions.event = fixed_points.event
            and occasions.booked_on >= fixed_points.valid_from
            and occasions.booked_on < fixed_points.replaced_on
    where fixed_points.points > 0
)

select * from booked
