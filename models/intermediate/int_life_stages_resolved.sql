with

as_of as (
    select * from {{ ref('int_as_of') }}
),

stages_by_age as (
    select
        stages.life_stage,
        lower(trim(stages.category)) as category,
        stages.lasts_days,
        as_of.as_of_date,
        row_number() over (
            partition by stages.life_stage, lower(trim(stages.category))
            order by
                case when stages.valid_from <= as_of.as_of_date then stages.valid_from end desc nulls last,
                stages.valid_from asc
        ) as age
    from {{ ref('life_stages') }} as stages
    cross join as_of
),

begun as (
    select
        categories.customer_id,
        stages.life_stage,
        min(categories.first_bought_on) as life_stage_on
    from {{ ref('int_customer_categories_aggregated') }} as categories
    inner join stages_by_age as stages
        on lower(trim(categories.category)) = stages.category and stages.age = 1
    where {{ days_between('categories.first_bought_on', 'stages.as_of_date') }} <= stages.lasts_days
    group by
        categories.customer_id,
        stages.life_stage
),

ranked as (
    select
        customer_id,
        life_stage,
        life_stage_on,
        row_number() over (partition by customer_id order by life_stage_on desc, life_stage asc) as choice
    from begun
),

latest as (
    select
        customer_id,
        life_stage,
        life_stage_on
    from ranked
    where choice = 1
)

select * from latest
