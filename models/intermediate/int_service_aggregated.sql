with

cases as (
    select * from {{ ref('int_cases_resolved') }}
    where customer_id is not null
),

surveys as (
    select * from {{ ref('int_surveys_resolved') }}
    where customer_id is not null
),

outreach as (
    select * from {{ ref('int_outreach_resolved') }}
    where customer_id is not null
),

case_counts as (
    select
        customer_id,
        count(*) as cases,
        sum(case when case_type = 'complaint' then 1 else 0 end) as complaints,
        sum(case when is_open then 1 else 0 end) as open_cases
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

-- An answered contact says more than a case the customer had to open.
contacts as (
    select
        customer_id,
        channel,
        1 as preference,
        responded_at as contacted_at
    from outreach
    where is_answered and channel is not null
    union all
    select
        customer_id,
        channel,
        2 as preference,
        opened_at as contacted_at
    from cases
    where channel is not null
),

contact_channels as (
    select
        customer_id,
        channel,
        row_number() over (
            partition by customer_id
            order by min(preference) asc, count(*) desc, max(contacted_at) desc, channel asc
        ) as choice
    from contacts
    group by
        customer_id,
        channel,
        preference
),

customers as (
    select customer_id from case_counts
    union distinct
    select customer_id from nps
    union distinct
    select customer_id from csat
    union distinct
    select customer_id from contact_channels
),

service as (
    select
        customers.customer_id,
        cast(case_counts.cases as integer) as cases,
        cast(case_counts.complaints as integer) as complaints,
        cast(case_counts.open_cases as integer) as open_cases,
        cast(nps.nps_last as integer) as nps_last,
        cast(nps.nps_average as decimal(18, 2)) as nps_average,
        cast(csat.csat_last as integer) as csat_last,
        cast(csat.csat_average as decimal(18, 2)) as csat_average,
        contact_channels.channel as preferred_contact_channel
    from customers
    left join case_counts on customers.customer_id = case_counts.customer_id
    left join nps on customers.customer_id = nps.customer_id
    left join csat on customers.customer_id = csat.customer_id
    left join contact_channels
        on customers.customer_id = contact_channels.customer_id and contact_channels.choice = 1
)

select * from service
