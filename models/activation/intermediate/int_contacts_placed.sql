-- depends_on: {{ ref('contact_plan') }}, {{ ref('frequency_caps') }}
{%- set plan = policy_settings('contact_plan') %}
{%- set horizon_days = plan.get('horizon_days', '0') %}
{%- set caps = frequency_caps() %}
{%- set memory_days = caps | map(attribute='window_days') | max if caps else 0 %}
with recursive

as_of as (
    select * from {{ ref('int_as_of') }}
),

-- How many contacts a day a role can make; a role with one owner of no stated capacity has no limit.
capacities as (
    select
        role,
        case when count(capacity_per_day) = count(*) then sum(capacity_per_day) end as capacity_per_day
    from {{ ref('int_contact_owners_in_force') }}
    group by role
),

ahead as (
    select
        days_ahead,
        is_working,
        row_number() over (partition by is_working order by days_ahead) as working_number
    from {{ ref('int_contact_days') }}
    where days_ahead between 1 and {{ horizon_days }}
),

working_days as (
    select {{ list_of('days_ahead') }} as days
    from ahead
    where is_working
),

all_days as (
    select {{ list_of('days_ahead') }} as days
    from ahead
),

candidates as (
    select
        weighed.*,
        row_number() over (
            partition by weighed.owner_role, coalesce(weighed.working_days_only, false)
            order by
                weighed.priority desc,
                weighed.queue_rank asc nulls last,
                weighed.due_at asc,
                {{ stable_share("weighed.audience || weighed.customer_id") }} asc
        ) as place_in_role
    from {{ ref('int_contacts_weighed') }} as weighed
    where weighed.blocked_by is null
),

-- More calls than a day's capacity are spread over the days that follow, the most important first.
spread as (
    select
        candidates.*,
        case
            when candidates.working_days_only and capacities.capacity_per_day is not null
                then
                    case
                        when capacities.capacity_per_day > 0
                            then
                                cast(floor(
                                    (candidates.place_in_role - 1) / cast(capacities.capacity_per_day as double)
                                ) as integer) + 1
                        else 1 + {{ horizon_days }}
                    end
            else 1
        end as working_number
    from candidates
    left join capacities on candidates.owner_role = capacities.role
),

optioned as (
    select
        spread.audience,
        spread.customer_id,
        spread.due_at,
        spread.opens_on,
        spread.triggered_at,
        spread.reached_channel,
        spread.is_marketing,
        spread.priority,
        case
            when spread.working_days_only
                then
                    {{ days_within(
                        'working_days.days',
                        'greatest(coalesce(ahead.days_ahead, 1 + ' ~ horizon_days ~ '), '
                        ~ days_between('as_of.as_of_date', 'spread.opens_on') ~ ')',
                        days_between('as_of.as_of_date', 'spread.closes_on')
                    ) }}
            else
                {{ days_within(
                    'all_days.days',
                    days_between('as_of.as_of_date', 'spread.opens_on'),
                    days_between('as_of.as_of_date', 'spread.closes_on')
                ) }}
        end as options
    from spread
    cross join as_of
    cross join working_days
    cross join all_days
    left join ahead on spread.working_number = ahead.working_number and ahead.is_working
),

turns as (
    select
        *,
        row_number() over (
            partition by customer_id
            order by priority desc, due_at asc, audience asc, opens_on asc, triggered_at asc
        ) as turn
    from optioned
),

past_contacts as (
    select
        contacts.customer_id,
        {{ days_between('as_of.as_of_date', 'contacts.sent_on') }} as days_ahead,
        contacts.channel,
        -- What nobody planned here counts as marketing.
        coalesce(audiences.is_marketing, true) as is_marketing
    from {{ ref('int_contacts_made') }} as contacts
    cross join as_of
    left join {{ ref('int_audiences_in_force') }} as audiences on contacts.audience = audiences.audience
    where contacts.is_contact and contacts.sent_on > {{ days_after('as_of.as_of_date', '-' ~ memory_days) }}
),

past as (
    select
        customer_id,
        {{ list_of(contact_of('days_ahead', "coalesce(channel, '')", 'is_marketing')) }} as chosen
    from past_contacts
    group by customer_id
),

-- One contact after another, the most important first: each takes the first day that all caps leave free.
placed as (
    select
        turns.customer_id,
        cast(0 as bigint) as turn,
        coalesce(past.chosen, []) as chosen,
        cast(null as integer) as days_ahead
    from turns
    left join past on turns.customer_id = past.customer_id
    where turns.turn = 1
    union all
    select
        tried.customer_id,
        tried.turn,
        case
            when tried.days_ahead is null then tried.chosen
            else {{ appended('tried.chosen', contact_of('tried.days_ahead', 'tried.channel', 'tried.is_marketing')) }}
        end as chosen,
        tried.days_ahead
    from (
        select
            customer_id,
            turn,
            chosen,
            channel,
            is_marketing,
            cast({{ first_day_within_caps('options', 'chosen', caps, horizon_days) }} as integer) as days_ahead
        from (
            select
                turns.customer_id,
                turns.turn,
                turns.options,
                placed.chosen,
                turns.reached_channel as channel,
                turns.is_marketing,
                {{ caps_out_of_reach('placed.chosen', 'turns.reached_channel', 'turns.is_marketing', caps) }}
            from placed
            inner join turns on placed.customer_id = turns.customer_id and placed.turn + 1 = turns.turn
        ) as considered
    ) as tried
),

final as (
    select
        turns.audience,
        turns.customer_id,
        turns.due_at,
        turns.opens_on,
        turns.triggered_at,
        turns.reached_channel as channel,
        {{ days_after('as_of.as_of_date', 'placed.days_ahead') }} as planned_on,
        case
            when placed.days_ahead is not null then 'planned'
            when len(turns.options) = 0 then 'no_day_left'
            else 'frequency_cap'
        end as decision
    from placed
    inner join turns on placed.customer_id = turns.customer_id and placed.turn = turns.turn
    cross join as_of
)

select * from final
