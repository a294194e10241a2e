-- depends_on: {{ ref('need_classes') }}
{%- set needs = policy_rule_steps('need_classes', name='need_class', also='priority') %}
with

cases as (
    select
        *,
        cast(opened_at as date) as opened_on
    from {{ ref('int_cases_resolved') }}
    where customer_id is not null
),

surveys as (
    select * from {{ ref('int_surveys_resolved') }}
    where customer_id is not null
),

case_counts as (
    select
        customer_id,
        count(*) as cases,
        sum(case when case_type = 'complaint' then 1 else 0 end) as complaints,
        sum(case when is_open then 1 else 0 end) as open_cases,
        sum(case when is_open and case_type = 'complaint' then 1 else 0 end) as open_complaints
    from cases
    group by customer_id
),

nps_answers as (
    select
        customer_id,
        nps,
        row_number() over (partition by customer_id order by responded_at desc, survey_id desc) as choice
    from surveys
    where nps is not null
),

nps as (
    select
        customer_id,
        max(case when choice = 1 then nps end) as nps_last,
        avg(nps) as nps_average
    from nps_answers
    group by customer_id
),

csat_answers as (
    select
        customer_id,
        csat,
        row_number() over (partition by customer_id order by responded_at desc, survey_id desc) as choice
    from surveys
    where csat is not null
),

csat as (
    select
        customer_id,
        max(case when choice = 1 then csat end) as csat_last,
        avg(csat) as csat_average
    from csat_answers
    group by customer_id
),

case_needs as (
    select
        customer_id,
        opened_at,
        topic,
        {{ first_rule_that_holds(needs, 'cases.opened_on', 'cases') }} as need_class
    from cases
),

needs as (
    select
        customer_id,
        need_class,
        row_number() over (
            partition by customer_id
            order by count(*) desc, max(opened_at) desc, need_class asc
        ) as choice
    from case_needs
    where need_class is not null
    group by
        customer_id,
        need_class
),

topic_counts as (
    select
        customer_id,
        topic,
        row_number() over (
            partition by customer_id
            order by count(*) desc, max(opened_at) desc, topic asc
        ) as choice
    from case_needs
    where topic is not null
    group by
        customer_id,
        topic
),

topics as (
    select
        customer_id,
        {{ list_in_order('topic', 'choice') }} as issue_topics
    from topic_counts
    group by customer_id
),

customers as (
    select customer_id from case_counts
    union distinct
    select customer_id from nps
    union distinct
    select customer_id from csat
),

service as (
    select
        customers.customer_id,
        cast(case_counts.cases as integer) as cases,
        cast(case_counts.complaints as integer) as complaints,
        cast(case_counts.open_cases as integer) as open_cases,
        cast(case_counts.open_complaints as integer) as open_complaints,
        needs.need_class,
        topics.issue_topics,
        cast(nps.nps_last as integer) as nps_last,
        cast(nps.nps_average as decimal(18, 2)) as nps_average,
        cast(csat.csat_last as integer) as csat_last,
        cast(csat.csat_average as decimal(18, 2)) as csat_average
    from customers
    left join case_counts on customers.customer_id = case_counts.customer_id
    left join nps on customers.customer_id = nps.customer_id
    left join csat on customers.customer_id = csat.customer_id
    left join needs on customers.customer_id = needs.customer_id and needs.choice = 1
    left join topics on customers.customer_id = topics.customer_id
)

select * from service
