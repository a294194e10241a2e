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
        lines.purchased_on,
        lines.gross_amount
        * coalesce(by_sku.points_per_yuan, by_category.points_per_yuan, by_default.points_per_yuan, 0)
        * coalesce(earned_double.multiplier, 1) as points_earned,
        lines.returned_amount
        * coalesce(by_sku.points_per_yuan, by_category.points_per_yuan, by_default.points_per_yuan, 0)
        * coalesce(returned_double.multiplier, 1) as points_returned
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
    left join multiplied_days as earned_double
        on lines.customer_id = earned_double.customer_id and lines.purchased_on = earned_double.purchased_on
    left join bought_days
        on
            lines.customer_id = bought_days.customer_id
            and lines.order_key = bought_days.order_key
            and lines.purchased_at = bought_days.purchased_at
            and lines.sku = bought_days.sku
    left join multiplied_days as returned_double
        on
            bought_days.customer_id = returned_double.customer_id
            and bought_days.bought_on = returned_double.purchased_on
),

orders as (
    select
        order_key,
        customer_id,
        purchased_on,
        sum(points_earned) as points_earned,
        sum(points_returned) as points_returned
    from rated
    group by
        order_key,
        customer_id,
        purchased_on
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
        cast(floor(points_earned) as bigint) as points
    from orders
    where points_earned >= 1
    union all
    select
        customer_id,
        purchased_on as booked_on,
        'taken_back' as entry_type,
        order_key as reference,
        cast(-floor(points_returned) as bigint) as points
    from orders
    where points_returned >= 1
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
