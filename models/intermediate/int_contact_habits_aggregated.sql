-- depends_on: {{ ref('personal_data_patterns') }}
{%- set patterns = personal_data_patterns() %}
with

cases as (
    select * from {{ ref('int_cases_resolved') }}
    where customer_id is not null
),

surveys as (
    select * from {{ ref('int_surveys_resolved') }}
    where customer_id is not null
),

-- Who was held out as a control was not contacted.
outreach as (
    select * from {{ ref('int_outreach_resolved') }}
    where customer_id is not null and coalesce(arm, 'treatment') <> 'control'
),

answers as (
    select
        customer_id,
        count(*) as contacts_received,
        sum(case when is_answered then 1 else 0 end) as contacts_answered,
        max(responded_at) as last_answered_at
    from outreach
    group by customer_id
),

-- An answered contact says more than a case the customer had to open.
signs as (
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

channels as (
    select
        customer_id,
        channel,
        preference,
        row_number() over (
            partition by customer_id
            order by preference asc, count(*) desc, max(contacted_at) desc, channel asc
        ) as choice
    from signs
    group by
        customer_id,
        channel,
        preference
),

hours as (
    select
        signs.customer_id,
        channels.channel,
        extract(hour from signs.contacted_at) as contact_hour,
        row_number() over (
            partition by signs.customer_id
            order by count(*) desc, max(signs.contacted_at) desc
        ) as choice
    from signs
    inner join channels
        on
            signs.customer_id = channels.customer_id
            and signs.channel = channels.channel
            and signs.preference = channels.preference
            and channels.choice = 1
    group by
        signs.customer_id,
        channels.channel,
        extract(hour from signs.contacted_at)
),

contacts as (
    select
        customer_id,
        opened_at as contacted_at,
        'case' as kind,
        channel,
        concat_ws(' ', case_type, topic) as about,
        case_id as contact_key
    from cases
    union all
    select
        customer_id,
        responded_at as contacted_at,
        'survey' as kind,
        'survey' as channel,
        concat_ws(' ', 'NPS ' || cast(nps as varchar(2)), 'CSAT ' || cast(csat as varchar(2))) as about,
        survey_id as contact_key
    from surveys
    union all
    select
        customer_id,
        sent_at as contacted_at,
        'outreach' as kind,
        channel,
        campaign_id as about,
        contact_id as contact_key
    from outreach
),

last_contacts as (
    select
        customer_id,
        contacted_at,
        kind,
        channel,
        nullif(about, '') as about,
        row_number() over (
            partition by customer_id
            order by contacted_at desc, kind asc, contact_key desc
        ) as choice
    from contacts
),

habits as (
    select
        last_contacts.customer_id,
        hours.channel as preferred_contact_channel,
        cast(hours.contact_hour as integer) as preferred_contact_hour,
        cast(coalesce(answers.contacts_received, 0) as integer) as contacts_received,
        cast(coalesce(answers.contacts_answered, 0) as integer) as contacts_answered,
        cast(1.0 * answers.contacts_answered / answers.contacts_received as decimal(5, 4)) as contact_answer_rate,
        answers.last_answered_at,
        last_contacts.contacted_at as last_contact_at,
        last_contacts.kind as last_contact_kind,
        last_contacts.channel as last_contact_channel,
        -- A campaign's name is free text.
        {{ redact('last_contacts.about', patterns) }} as last_contact_about
    from last_contacts
    left join answers on last_contacts.customer_id = answers.customer_id
    left join hours on last_contacts.customer_id = hours.customer_id and hours.choice = 1
    where last_contacts.choice = 1
)

select * from habits
