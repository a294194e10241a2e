with

audiences as (
    select * from {{ ref('int_audiences_in_force') }}
),

outreach as (
    select *
    from {{ ref('int_outreach_resolved') }}
    where customer_id is not null
),

campaigns as (
    select distinct
        campaign_id,
        lower(campaign_id) as campaign
    from outreach
    where campaign_id is not null
),

-- A campaign is its audience's when it is named for it (`cart_reminder`, `cart_reminder:2026-07-01`) or when the
-- policy lists it.
named as (
    select
        campaigns.campaign_id,
        audiences.audience,
        row_number() over (partition by campaigns.campaign_id order by audiences.audience) as choice
    from campaigns
    inner join audiences
        on
            campaigns.campaign = audiences.audience
            or left(campaigns.campaign, length(audiences.audience) + 1) = audiences.audience || ':'
            or ' ' || audiences.campaigns || ' ' like '% ' || campaigns.campaign || ' %'
),

arms as (
    select * from {{ ref('int_holdout_arms') }}
),

contacts as (
    select
        outreach.contact_id,
        outreach.customer_id,
        outreach.campaign_id,
        named.audience,
        outreach.channel,
        outreach.sent_at,
        cast(outreach.sent_at as date) as sent_on,
        outreach.arm as recorded_arm,
        case
            when arms.audience is null then null
            when
                {{ stable_share("arms.salt || '|' || named.audience || '|' || outreach.customer_id") }}
                < arms.holdout_share
                then 'control'
            else 'treatment'
        end as drawn_arm
    from outreach
    left join named on outreach.campaign_id = named.campaign_id and named.choice = 1
    left join arms
        on
            named.audience = arms.audience
            and cast(outreach.sent_at as date) >= arms.valid_from
            and cast(outreach.sent_at as date) < arms.replaced_on
),

judged as (
    select
        *,
        coalesce(recorded_arm, '') <> 'control' as is_contact,
        case
            when recorded_arm is not null then recorded_arm
            -- Contacted although held out: neither treated as planned nor left alone.
            when drawn_arm = 'control' then 'breach'
            else 'treatment'
        end as arm
    from contacts
)

select * from judged
