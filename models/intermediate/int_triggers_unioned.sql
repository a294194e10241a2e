-- depends_on: {{ ref('contact_plan') }}
{%- set plan = policy_settings('contact_plan') %}
{%- set measured_days = plan.get('measured_days', '0') %}
with

as_of as (
    select
        *,
        {{ days_after('as_of_date', '-' ~ measured_days) }} as measured_from
    from {{ ref('int_as_of') }}
),

carts as (
    select
        customer_id,
        'cart_left' as trigger_name,
        left_at as triggered_at,
        ended_at,
        cast(null as double) as score,
        cast(null as double) as second_score,
        sku as detail
    from {{ ref('int_cart_items_left') }}
),

purchase_days as (
    select
        customer_id,
        purchased_on,
        purchases
    from {{ ref('int_purchase_days_aggregated') }}
    where purchases > 0
),

purchase_spans as (
    select
        customer_id,
        min(purchased_on) as first_on,
        max(purchased_on) as last_on
    from purchase_days
    group by customer_id
),

second_purchases as (
    select
        purchase_days.customer_id,
        min(purchase_days.purchased_on) as second_on
    from purchase_days
    inner join purchase_spans on purchase_days.customer_id = purchase_spans.customer_id
    where purchase_days.purchased_on > purchase_spans.first_on or purchase_days.purchases > 1
    group by purchase_days.customer_id
),

first_purchases as (
    select
        purchase_spans.customer_id,
        'first_purchase' as trigger_name,
        cast(purchase_spans.first_on as timestamp) as triggered_at,
        cast(second_purchases.second_on as timestamp) as ended_at,
        cast(null as double) as score,
        cast(null as double) as second_score,
        cast(null as varchar(200)) as detail
    from purchase_spans
    left join second_purchases on purchase_spans.customer_id = second_purchases.customer_id
    cross join as_of
    where purchase_spans.first_on >= as_of.measured_from
),

shipped_orders as (
    select
        lines.customer_id,
        'order_shipped' as trigger_name,
        min(lines.purchased_at) as triggered_at,
        cast(null as timestamp) as ended_at,
        cast(null as double) as score,
        cast(null as double) as second_score,
        cast(null as varchar(200)) as detail
    from {{ ref('int_purchases_unioned') }} as lines
    cross join as_of
    where lines.customer_id is not null and lines.status = 'shipped' and lines.purchased_on >= as_of.measured_from
    group by
        lines.customer_id,
        lines.order_key
),

answers as (
    select
        surveys.customer_id,
        surveys.responded_at,
        surveys.nps,
        surveys.csat
    from {{ ref('int_surveys_resolved') }} as surveys
    cross join as_of
    where surveys.customer_id is not null and surveys.responded_at >= as_of.measured_from
),

answered_customers as (
    select distinct customer_id from answers
),

answers_and_calls as (
    select
        customer_id,
        responded_at as happened_at,
        nps,
        csat,
        true as is_answer,
        false as is_call
    from answers
    union all
    select
        contacts.customer_id,
        contacts.sent_at as happened_at,
        cast(null as bigint) as nps,
        cast(null as bigint) as csat,
        false as is_answer,
        true as is_call
    from {{ ref('int_contacts_made') }} as contacts
    inner join answered_customers on contacts.customer_id = answered_customers.customer_id
    where contacts.channel = 'phone' and contacts.is_contact
),

followed_answers as (
    select
        customer_id,
        happened_at,
        nps,
        csat,
        is_answer,
        min(case when is_call then happened_at end) over (
            partition by customer_id
            order by happened_at
            range between current row and unbounded following
        ) as called_at,
        min(case when nps is not null then happened_at end) over (
            partition by customer_id
            order by happened_at, is_answer
            rows between 1 following and unbounded following
        ) as next_nps_at
    from answers_and_calls
),

low_scores as (
    select
        customer_id,
        'low_score' as trigger_name,
        happened_at as triggered_at,
        called_at as ended_at,
        cast(nps as double) as score,
        cast(csat as double) as second_score,
        coalesce('NPS ' || cast(nps as varchar(10)), 'CSAT ' || cast(csat as varchar(10))) as detail
    from followed_answers
    where is_answer
),

high_scores as (
    select
        customer_id,
        'high_score' as trigger_name,
        happened_at as triggered_at,
        next_nps_at as ended_at,
        cast(nps as double) as score,
        cast(null as double) as second_score,
        'NPS ' || cast(nps as varchar(10)) as detail
    from followed_answers
    where is_answer and nps is not null
),

complaints as (
    select
        cases.customer_id,
        'complaint_open' as trigger_name,
        cases.opened_at as triggered_at,
        case when cases.is_resolved then coalesce(cases.resolved_at, cases.opened_at) end as ended_at,
        cast(null as double) as score,
        cast(null as double) as second_score,
        cases.topic as detail
    from {{ ref('int_cases_resolved') }} as cases
    cross join as_of
    where
        cases.customer_id is not null
        and cases.case_type = 'complaint'
        -- However old it is: a complaint waits until it is solved.
        and (cases.opened_at >= as_of.measured_from or not cases.is_resolved)
),

expected_purchases as (
    select
        behaviours.customer_id,
        'purchase_expected' as trigger_name,
        cast(behaviours.expected_next_purchase_on as timestamp) as triggered_at,
        cast(null as timestamp) as ended_at,
        cast(null as double) as score,
        cast(null as double) as second_score,
        cast(null as varchar(200)) as detail
    from {{ ref('int_customer_behaviours') }} as behaviours
    inner join as_of on behaviours.evaluated_on = as_of.as_of_date
    where behaviours.expected_next_purchase_on is not null
),

-- The few pairs are put in order: a customer's best is a least number then, not a sort of all it could be offered.
affinities as (
    select
        *,
        row_number() over (
            order by
                confidence desc,
                lift desc,
                offered_category asc,
                category asc
        ) as place
    from {{ ref('int_category_affinities_aggregated') }}
    where lift > 1
),

category_gaps as (
    select
        bought.customer_id,
        min(affinities.place) as place
    from {{ ref('int_customer_categories_aggregated') }} as bought
    inner join affinities on bought.category = affinities.category
    left join {{ ref('int_customer_categories_aggregated') }} as owned
        on bought.customer_id = owned.customer_id and affinities.offered_category = owned.category
    where bought.in_window and owned.customer_id is null
    group by bought.customer_id
),

category_offers as (
    select
        category_gaps.customer_id,
        'category_gap' as trigger_name,
        cast(purchase_spans.last_on as timestamp) as triggered_at,
        cast(null as timestamp) as ended_at,
        affinities.confidence as score,
        affinities.lift as second_score,
        affinities.category || ' → ' || affinities.offered_category as detail
    from category_gaps
    inner join affinities on category_gaps.place = affinities.place
    inner join purchase_spans on category_gaps.customer_id = purchase_spans.customer_id
),

birthdays as (
    select
        known.customer_id,
        known.birthday,
        extract(year from as_of.as_of_date) - extract(year from known.birthday) as years,
        as_of.as_of_date
    from {{ ref('int_customers_known') }} as known
    cross join as_of
    where known.birthday is not null
),

-- Who is born on 29 February is congratulated on the 28th in common years.
birthdays_this_year as (
    select
        customer_id,
        birthday,
        years,
        as_of_date,
        {{ months_after('birthday', '12 * years') }} as this_year_on
    from birthdays
),

next_birthdays as (
    select
        customer_id,
        'birthday' as trigger_name,
        cast(
            case
                when this_year_on >= as_of_date then this_year_on
                else {{ months_after('birthday', '12 * (years + 1)') }}
            end as timestamp
        ) as triggered_at,
        cast(null as timestamp) as ended_at,
        cast(null as double) as score,
        cast(null as double) as second_score,
        cast(null as varchar(200)) as detail
    from birthdays_this_year
),

last_birthdays as (
    select
        customer_id,
        'birthday' as trigger_name,
        cast(
            case
                when this_year_on < as_of_date then this_year_on
                else {{ months_after('birthday', '12 * (years - 1)') }}
            end as timestamp
        ) as triggered_at,
        cast(null as timestamp) as ended_at,
        cast(null as double) as score,
        cast(null as double) as second_score,
        cast(null as varchar(200)) as detail
    from birthdays_this_year
),

life_stages as (
    select
        customer_id,
        'life_stage' as trigger_name,
        cast(life_stage_on as timestamp) as triggered_at,
        cast(null as timestamp) as ended_at,
        cast(null as double) as score,
        cast(null as double) as second_score,
        life_stage as detail
    from {{ ref('int_life_stages_resolved') }}
),

triggers as (
    select * from carts
    union all
    select * from first_purchases
    union all
    select * from shipped_orders
    union all
    select * from low_scores
    union all
    select * from high_scores
    union all
    select * from complaints
    union all
    select * from expected_purchases
    union all
    select * from category_offers
    union all
    select * from next_birthdays
    union all
    select * from last_birthdays
    union all
    select * from life_stages
)

select * from triggers
