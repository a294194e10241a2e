with

customers as (
    select * from {{ ref('customer_360') }}
),

tagged as (
    select distinct customer_id from {{ ref('customer_tags') }}
),

profile_cube as (
    select
        customers.as_of as evaluated_on,
        coalesce(customers.official_tier, 'unknown') as tier,
        coalesce(customers.preferred_channel, 'none') as channel,
        count(*) as customers,
        sum(case when tagged.customer_id is null then 0 else 1 end) as tagged,
        sum(customers.profile_completeness / 100) as completeness
    from customers
    left join tagged on customers.customer_id = tagged.customer_id
    group by
        customers.as_of,
        coalesce(customers.official_tier, 'unknown'),
        coalesce(customers.preferred_channel, 'none')
),

counts as (
    {{ kpi_rows('profile_cube', [
        ('tag_coverage', 'tagged', 'customers'),
        ('profile_completeness', 'completeness', 'customers'),
    ]) }}
)

select * from counts
