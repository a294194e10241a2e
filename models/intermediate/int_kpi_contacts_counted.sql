-- depends_on: {{ ref('tier_schemes') }}
{%- set schemes = official_schemes() %}
with

days as (
    select * from {{ ref('int_kpi_days') }}
),

states as (
    select * from {{ ref('int_customer_states') }}
),

outreach as (
    select
        days.evaluated_on,
        days.official_scheme,
        outreach.customer_id,
        coalesce(outreach.channel, 'unknown') as channel,
        case when outreach.sent_on >= {{ days_after('days.evaluated_on', '-days.open_rate_days') }} then 1 else 0 end
            as is_open_base,
        case when outreach.sent_on >= {{ days_after('days.evaluated_on', '-days.click_rate_days') }} then 1 else 0 end
            as is_click_base,
        case when outreach.sent_on >= {{ days_after('days.evaluated_on', '-days.reply_rate_days') }} then 1 else 0 end
            as is_reply_base,
        -- A click proves that it was opened: many mail programs never tell.
        case
            when outreach.opened_at < days.evaluated_end or outreach.clicked_at < days.evaluated_end then 1
            else 0
        end as is_opened,
        case when outreach.clicked_at < days.evaluated_end then 1 else 0 end as is_clicked,
        case when outreach.responded_at < days.evaluated_end then 1 else 0 end as is_answered
    from (
        select
            *,
            cast(sent_at as date) as sent_on
        from {{ ref('int_outreach_resolved') }}
        where coalesce(arm, 'treatment') <> 'control'
    ) as outreach
    inner join days
        on
            outreach.sent_on <= days.evaluated_on
            and outreach.sent_on >= {{ days_after(
                'days.evaluated_on', '-greatest(days.open_rate_days, days.click_rate_days, days.reply_rate_days)'
            ) }}
),

contact_cube as (
    select
        outreach.evaluated_on,
        case
            when outreach.customer_id is null then 'unlinked'
            else coalesce({{ tier_in(schemes, 'outreach.official_scheme', 'states') }}, 'unknown')
        end as tier,
        outreach.channel,
        sum(outreach.is_open_base) as open_base,
        sum(outreach.is_open_base * outreach.is_opened) as opened,
        sum(outreach.is_click_base) as click_base,
        sum(outreach.is_click_base * outreach.is_clicked) as clicked,
        sum(outreach.is_reply_base) as reply_base,
        sum(outreach.is_reply_base * outreach.is_answered) as answered
    from outreach
    left join states
        on outreach.customer_id = states.customer_id and outreach.evaluated_on = states.evaluated_on
    group by
        outreach.evaluated_on,
        case
            when outreach.customer_id is null then 'unlinked'
            else coalesce({{ tier_in(schemes, 'outreach.official_scheme', 'states') }}, 'unknown')
        end,
        outreach.channel
),

counts as (
    {{ kpi_rows('contact_cube', [
        ('open_rate', 'opened', 'open_base'),
        ('click_rate', 'clicked', 'click_base'),
        ('reply_rate', 'answered', 'reply_base'),
    ]) }}
)

select * from counts
