{#- Every count once over all channels and once by channel. -#}
{%- set channels = ["'all'", 'channel'] %}
with

as_of as (
    select * from {{ ref('int_as_of') }}
),

service_rules as (
    select rules.journey_days
    from as_of
    inner join {{ ref('int_service_rules') }} as rules
        on as_of.as_of_date >= rules.valid_from and as_of.as_of_date < rules.replaced_on
),

versions as (
    select
        coalesce(
            max(case when rules.valid_from <= as_of.as_of_date then rules.valid_from end), min(rules.valid_from)
        ) as valid_from
    from {{ ref('journey_rules') }} as rules
    cross join as_of
),

rules as (
    select journey_rules.*
    from {{ ref('journey_rules') }} as journey_rules
    inner join versions on journey_rules.valid_from = versions.valid_from
),

events as (
    select
        events.customer_id,
        events.occurred_at,
        coalesce(events.session_id, events.customer_id || '|' || cast(cast(events.occurred_at as date) as varchar(10)))
            as journey,
        coalesce(events.channel, 'unknown') as channel,
        rules.position
    from {{ ref('fct_events') }} as events
    inner join rules on events.event_type = rules.value and rules.evidence = 'event'
),

-- A session, or a customer's day where the shop names no session.
journeys as (
    select
        journey,
        last_day(cast(min(occurred_at) as date)) as month_end,
        min_by(channel, occurred_at) as channel,
        max(position) as furthest
    from events
    where journey is not null
    group by journey
),

furthest_counts as (
    {% for channel in channels -%}
    select
        month_end,
        {{ channel }} as channel,
        furthest,
        count(*) as journeys
    from journeys
    group by
        month_end,
        {{ channel }},
        furthest
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- A step of which no event was ever delivered is not measured.
told as (
    select distinct position from events
),

complaints as (
    select
        case_id,
        customer_id,
        opened_at,
        topic,
        coalesce(channel, 'unknown') as channel,
        is_solved,
        last_day(opened_on) as month_end
    from {{ ref('fct_cases') }}
    where is_complaint
),

moments as (
    select
        customer_id,
        occurred_at,
        max(position) as position
    from events
    where customer_id in (select complaints.customer_id from complaints)
    group by
        customer_id,
        occurred_at
),

last_moments as (
    {{ last_until('complaints', ['case_id', 'customer_id', 'opened_at'], 'opened_at', 'moments', 'occurred_at') }}
),

last_seen as (
    select
        last_moments.case_id,
        moments.position
    from last_moments
    inner join moments
        on last_moments.customer_id = moments.customer_id and last_moments.happened_at = moments.occurred_at
    cross join service_rules
    where
        {{ days_between('cast(last_moments.happened_at as date)', 'cast(last_moments.opened_at as date)') }}
        <= service_rules.journey_days
),

placed_complaints as (
    select
        complaints.month_end,
        complaints.channel,
        complaints.is_solved,
        coalesce(rules.position, last_seen.position, 0) as position
    from complaints
    left join rules on complaints.topic = rules.value and rules.evidence = 'topic'
    left join last_seen on complaints.case_id = last_seen.case_id
),

complaint_counts as (
    {% for channel in channels -%}
    select
        month_end,
        {{ channel }} as channel,
        position,
        count(*) as complaints,
        sum(case when not is_solved then 1 else 0 end) as unsolved_complaints
    from placed_complaints
    group by
        month_end,
        {{ channel }},
        position
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

steps as (
    select
        rules.position,
        min(rules.step) as step,
        min(rules.label_zh) as label_zh,
        max(case when rules.evidence = 'event' then 1 else 0 end) = 1 as is_event_step,
        max(case when told.position is not null then 1 else 0 end) = 1 as is_told
    from rules
    left join told on rules.position = told.position
    group by rules.position
    union all
    select
        0 as position,
        'unknown' as step,
        '未知' as label_zh,
        false as is_event_step,
        false as is_told
),

last_told as (
    select max(position) as position from told
),

months as (
    select
        month_end,
        channel
    from furthest_counts
    union distinct
    select
        month_end,
        channel
    from complaint_counts
),

reached as (
    select
        months.month_end,
        months.channel,
        steps.position,
        steps.step,
        steps.label_zh,
        case when steps.is_told then coalesce(sum(furthest_counts.journeys), 0) end as journeys,
        case
            when steps.is_told and steps.position < last_told.position
                then
                    coalesce(
                        sum(case when furthest_counts.furthest = steps.position then furthest_counts.journeys end), 0
                    )
        end as drop_offs
    from months
    cross join steps
    cross join last_told
    left join furthest_counts
        on
            months.month_end = furthest_counts.month_end
            and months.channel = furthest_counts.channel
            and steps.position <= furthest_counts.furthest
            and steps.is_event_step
    group by
        months.month_end,
        months.channel,
        steps.position,
        steps.step,
        steps.label_zh,
        steps.is_told,
        last_told.position
),

final as (
    select
        reached.month_end,
        reached.channel,
        cast(reached.position as integer) as position,
        reached.step,
        reached.label_zh,
        cast(reached.journeys as bigint) as journeys,
        cast(reached.drop_offs as bigint) as drop_offs,
        cast(1.0 * reached.drop_offs / nullif(reached.journeys, 0) as decimal(9, 6)) as drop_off_rate,
        cast(coalesce(complaint_counts.complaints, 0) as bigint) as complaints,
        cast(coalesce(complaint_counts.unsolved_complaints, 0) as bigint) as unsolved_complaints
    from reached
    left join complaint_counts
        on
            reached.month_end = complaint_counts.month_end
            and reached.channel = complaint_counts.channel
            and reached.position = complaint_counts.position
)

select * from final
