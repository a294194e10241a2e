-- depends_on: {{ ref('contact_plan') }}, {{ ref('audiences') }}
{%- set plan = policy_settings('contact_plan') %}
{%- set steps = policy_rule_steps('audiences', name='audience') %}
{%- set since_columns = audience_since_columns() %}
{%- set horizon_days = plan.get('horizon_days', '0') %}
with

as_of as (
    select * from {{ ref('int_as_of') }}
),

audiences as (
    select * from {{ ref('int_audiences_in_force') }}
),

days as (
    select * from {{ ref('int_contact_days') }}
),

spells as (
    select
        spells.customer_id,
        audiences.audience,
        spells.tier,
        spells.from_on,
        spells.until_on
    from {{ ref('int_tier_spells') }} as spells
    inner join audiences
        on spells.scheme = audiences.scheme and audiences.tiers like '% ' || spells.tier || ' %'
),

contacted_audiences as (
    select distinct audience
    from {{ ref('int_contacts_made') }}
    where audience is not null and is_contact
),

-- A series is one audience with several due times.
steps as (
    select
        audience,
        delay_hours
    from audiences
    union all
    select
        audiences.audience,
        audiences.delay_hours + 24 * audiences.repeat_days * days.days_ahead as delay_hours
    from audiences
    inner join days
        on
            days.days_ahead > 0
            and audiences.delay_hours + 24 * audiences.repeat_days * days.days_ahead <= 24 * audiences.repeat_until
),

triggered as (
    select
        audiences.audience,
        triggers.customer_id,
        triggers.triggered_at,
        triggers.ended_at,
        {{ hours_after('triggers.triggered_at', 'steps.delay_hours') }} as due_at,
        triggers.detail
    from {{ ref('int_triggers_unioned') }} as triggers
    inner join audiences
        on
            triggers.trigger_name = audiences.trigger_name
            and case audiences.trigger_name
                when 'low_score'
                    then
                        coalesce(triggers.score <= audiences.threshold, false)
                        or coalesce(triggers.second_score <= audiences.second_threshold, false)
                when 'high_score' then triggers.score >= audiences.threshold
                when 'category_gap'
                    then triggers.score >= audiences.threshold and triggers.second_score >= audiences.second_threshold
                else true
            end
    inner join steps on audiences.audience = steps.audience
),

-- Of an audience with a tier, only who is in the tier when it happens, or now for what lies ahead.
personal as (
    select
        triggered.audience,
        triggered.customer_id,
        triggered.triggered_at,
        triggered.ended_at,
        triggered.due_at,
        cast(null as date) as tier_from_on,
        triggered.detail
    from triggered
    inner join audiences on triggered.audience = audiences.audience
    where audiences.scheme is null
    union all
    select
        triggered.audience,
        triggered.customer_id,
        triggered.triggered_at,
        triggered.ended_at,
        triggered.due_at,
        spells.from_on as tier_from_on,
        triggered.detail
    from triggered
    cross join as_of
    inner join spells
        on
            triggered.audience = spells.audience
            and triggered.customer_id = spells.customer_id
            and spells.from_on <= least(cast(triggered.triggered_at as date), as_of.as_of_date)
            and (
                spells.until_on is null
                or spells.until_on > least(cast(triggered.triggered_at as date), as_of.as_of_date)
            )
),

entered as (
    select
        spells.audience,
        spells.customer_id,
        cast(spells.from_on as timestamp) as triggered_at,
        cast(spells.until_on as timestamp) as ended_at,
        {{ hours_after('cast(spells.from_on as timestamp)', 'audiences.delay_hours') }} as due_at,
        spells.from_on as tier_from_on,
        spells.tier as detail
    from spells
    inner join audiences on spells.audience = audiences.audience
    where audiences.trigger_name = 'state'
),

-- A rule over the profile alone tells that it holds; a column of the profile tells since when.
described as (
    select
        audiences.audience,
        profiles.customer_id,
        case audiences.audience
        {%- for audience, column in since_columns.items() %}
            when '{{ audience }}' then cast(profiles.{{ column }} as timestamp)
        {%- endfor %}
            when '' then cast(profiles.as_of as timestamp)
        end as triggered_at
    from audiences
    cross join {{ ref('customer_360') }} as profiles
    where audiences.trigger_name = 'profile'
),

profiled as (
    select
        described.audience,
        described.customer_id,
        described.triggered_at,
        cast(null as timestamp) as ended_at,
        {{ hours_after('described.triggered_at', 'audiences.delay_hours') }} as due_at,
        cast(null as date) as tier_from_on,
        cast(null as varchar(200)) as detail
    from described
    inner join audiences on described.audience = audiences.audience
    where described.triggered_at is not null
),

calendar_days as (
    select
        audiences.audience,
        days.day,
        days.days_ahead,
        row_number() over (
            partition by audiences.audience, days.days_ahead > 0
            order by days.day
        ) as choice
    from audiences
    inner join days
        on
            (
                audiences.trigger_name = 'calendar'
                and audiences.month_days like '%' || days.day_of_month || '%'
                and coalesce(audiences.months like '%' || days.month_of_year || '%', true)
            )
            or (audiences.trigger_name = 'holiday' and days.holiday is not null)
),

-- What lies behind is needed while a contact still makes sense: a cap, a weekend or full hands may have put it off.
-- Then of the held-out alone, to compare those who were contacted with.
scheduled as (
    select
        spells.audience,
        spells.customer_id,
        cast(calendar_days.day as timestamp) as triggered_at,
        cast(spells.until_on as timestamp) as ended_at,
        {{ hours_after('cast(calendar_days.day as timestamp)', 'audiences.delay_hours') }} as due_at,
        spells.from_on as tier_from_on,
        spells.tier as detail
    from calendar_days
    inner join audiences on calendar_days.audience = audiences.audience
    inner join spells on calendar_days.audience = spells.audience and calendar_days.day >= spells.from_on
    left join contacted_audiences on calendar_days.audience = contacted_audiences.audience
    where
        (
            calendar_days.days_ahead > 0
            and spells.until_on is null
            and (calendar_days.days_ahead <= {{ horizon_days }} or calendar_days.choice = 1)
        )
        or (
            calendar_days.days_ahead <= 0
            and (
                contacted_audiences.audience is not null
                or calendar_days.days_ahead + audiences.delay_hours / 24.0 + audiences.valid_days > 0
            )
            and (spells.until_on is null or spells.until_on > calendar_days.day)
        )
),

-- The lot is drawn among those in the tier when the month began, so it stays the same all month.
draw_months as (
    select
        {{ days_after('last_day(' ~ months_after('as_of_date', '-1') ~ ')', 1) }} as day,
        cast({{ days_after('last_day(' ~ months_after('as_of_date', '-1') ~ ')', 1) }} as timestamp) as drawn_at
    from as_of
),

lots as (
    select
        audiences.audience,
        spells.customer_id,
        draw_months.drawn_at as triggered_at,
        cast(spells.until_on as timestamp) as ended_at,
        {{ hours_after('draw_months.drawn_at', 'audiences.delay_hours') }} as due_at,
        draw_months.day as tier_from_on,
        spells.tier as detail,
        audiences.threshold,
        row_number() over (
            partition by audiences.audience
            order by
                {{ stable_share(
                    "arms.salt || '|' || audiences.audience || '|' || cast(draw_months.day as varchar(10))"
                    ~ " || '|' || spells.customer_id"
                ) }},
                spells.customer_id
        ) as lot
    from audiences
    inner join spells on audiences.audience = spells.audience
    inner join draw_months
        on
            spells.from_on < draw_months.day
            and (spells.until_on is null or spells.until_on >= draw_months.day)
    inner join {{ ref('int_holdout_arms') }} as arms
        on
            audiences.audience = arms.audience
            and draw_months.day >= arms.valid_from
            and draw_months.day < arms.replaced_on
    inner join {{ ref('int_customers_contactable') }} as contactable
        on
            spells.customer_id = contactable.customer_id
            and not contactable.is_suppressed
            and (contactable.has_consent or not audiences.is_marketing)
            and {{ stable_share("arms.salt || '|' || audiences.audience || '|' || spells.customer_id") }}
            >= arms.holdout_share
    where audiences.trigger_name = 'monthly_draw'
),

drawn as (
    select
        audience,
        customer_id,
        triggered_at,
        ended_at,
        due_at,
        tier_from_on,
        detail
    from lots
    where lot <= threshold
),

all_entries as (
    select * from personal
    union all
    select * from entered
    union all
    select * from profiled
    union all
    select * from scheduled
    union all
    select * from drawn
),

dated as (
    select
        entries.audience,
        entries.customer_id,
        entries.triggered_at,
        case when entries.ended_at < as_of.as_of_end then entries.ended_at end as ended_at,
        entries.due_at,
        cast(entries.due_at as date) as due_on,
        greatest(
            case
                when audiences.timing = 'after_delay' then cast(entries.due_at as date)
                when audiences.trigger_name in ('calendar', 'holiday') then entries.tier_from_on
                when audiences.timing = 'on_the_day' and audiences.repeat_days is null
                    then {{ days_after('cast(entries.due_at as date)', '-audiences.lead_days') }}
                else cast(entries.triggered_at as date)
            end,
            coalesce(entries.tier_from_on, cast('1900-01-01' as date))
        ) as entered_on,
        case
            when audiences.timing = 'by_deadline' then cast(entries.triggered_at as date)
            else cast(entries.due_at as date)
        end as opens_on,
        {{ days_after('cast(entries.due_at as date)', 'audiences.valid_days') }} as closes_on,
        {{ days_after('cast(entries.due_at as date)', 'audiences.lasts_days') }} as lasts_until,
        entries.detail,
        as_of.as_of_date,
        as_of.as_of_end
    from all_entries as entries
    inner join audiences on entries.audience = audiences.audience
    cross join as_of
),

judged as (
    select
        dated.*,
        dated.ended_at is null
        and dated.entered_on <= dated.as_of_date
        and coalesce(dated.lasts_until >= dated.as_of_date, true) as is_member,
        dated.ended_at is null
        and dated.closes_on > dated.as_of_date
        and dated.opens_on <= {{ days_after('dated.as_of_date', horizon_days) }} as is_open,
        contacted_audiences.audience is not null
        and dated.due_at < dated.as_of_end
        and coalesce(dated.ended_at > dated.due_at, true) as was_due
    from dated
    left join contacted_audiences on dated.audience = contacted_audiences.audience
),

ruled as (
    select
        judged.*,
        {{ audience_rule_holds(steps, 'judged.audience', 'judged.as_of_date', 'profiles') }} as rule_holds
    from judged
    left join {{ ref('customer_360') }} as profiles on judged.customer_id = profiles.customer_id
),

-- Whom nobody may contact now, and whom nobody could have contacted, are of no more interest.
relevant as (
    select
        audience,
        customer_id,
        triggered_at,
        ended_at,
        due_at,
        due_on,
        entered_on,
        opens_on,
        closes_on,
        detail,
        is_member and rule_holds as is_member,
        is_open and rule_holds as is_open,
        was_due,
        case when (is_member or is_open) and rule_holds then as_of_date else due_on end as drawn_on
    from ruled
    where ((is_member or is_open) and rule_holds) or was_due
),

drawn_arms as (
    select
        relevant.*,
        case
            when
                {{ stable_share("arms.salt || '|' || relevant.audience || '|' || relevant.customer_id") }}
                < arms.holdout_share
                then 'control'
            else 'treatment'
        end as arm
    from relevant
    inner join {{ ref('int_holdout_arms') }} as arms
        on
            relevant.audience = arms.audience
            and relevant.drawn_on >= arms.valid_from
            and relevant.drawn_on < arms.replaced_on
),

final as (
    select
        audience,
        customer_id,
        triggered_at,
        ended_at,
        due_at,
        due_on,
        entered_on,
        opens_on,
        closes_on,
        detail,
        arm,
        is_member,
        is_open,
        was_due
    from drawn_arms
    where is_member or is_open or arm = 'control'
)

select * from final
