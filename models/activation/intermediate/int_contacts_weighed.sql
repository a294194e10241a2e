with

as_of as (
    select * from {{ ref('int_as_of') }}
),

audiences as (
    select * from {{ ref('int_audiences_in_force') }}
),

channels as (
    select
        channels.channel,
        channels.needs,
        channels.working_days_only,
        row_number() over (partition by channels.channel order by channels.valid_from desc) as age
    from {{ ref('contact_channels') }} as channels
    inner join as_of on channels.valid_from <= as_of.as_of_date
),

contacts as (
    select * from {{ ref('int_contacts_made') }}
    where audience is not null and is_contact
),

open_entries as (
    select * from {{ ref('int_audience_entries') }}
    where is_open
),

-- What the audience has done with the customer already.
history as (
    select
        entries.audience,
        entries.customer_id,
        entries.due_at,
        entries.opens_on,
        max(case when contacts.sent_on >= entries.opens_on then 1 else 0 end) as is_done,
        sum(
            case
                when contacts.sent_on > {{ days_after('as_of.as_of_date', '-coalesce(audiences.cap_days, 0)') }} then 1
                else 0
            end
        ) as recent_contacts,
        sum(case when contacts.sent_on >= entries.entered_on then 1 else 0 end) as contacts_in_spell
    from open_entries as entries
    inner join audiences on entries.audience = audiences.audience
    inner join contacts on entries.audience = contacts.audience and entries.customer_id = contacts.customer_id
    cross join as_of
    group by
        entries.audience,
        entries.customer_id,
        entries.due_at,
        entries.opens_on
),

expected_values as (
    select
        estimates.customer_id,
        estimates.clv_365d * estimates.contribution_share as expected_value
    from {{ ref('int_customer_values') }} as estimates
    inner join as_of on estimates.evaluated_on = as_of.as_of_date
),

ranks as (
    select
        priorities.scheme,
        priorities.tier,
        priorities.rank,
        row_number() over (
            partition by priorities.scheme, priorities.tier
            order by priorities.valid_from desc
        ) as age
    from {{ ref('queue_priorities') }} as priorities
    inner join as_of on priorities.valid_from <= as_of.as_of_date
),

queue_ranks as (
    select
        spells.customer_id,
        min(ranks.rank) as queue_rank
    from {{ ref('int_tier_spells') }} as spells
    inner join ranks on spells.scheme = ranks.scheme and spells.tier = ranks.tier and ranks.age = 1
    where spells.until_on is null
    group by spells.customer_id
),

reached as (
    select
        entries.*,
        queue_ranks.queue_rank,
        audiences.is_marketing,
        audiences.priority,
        audiences.owner_role,
        audiences.cost,
        audiences.stop_loss,
        audiences.cap,
        audiences.repeat_days,
        audiences.trigger_name,
        coalesce(contactable.has_consent, false) as has_consent,
        coalesce(contactable.is_suppressed, true) as is_suppressed,
        case
            when {{ is_reachable('first_choice.needs') }} then first_choice.channel
            when {{ is_reachable('second_choice.needs') }} then second_choice.channel
        end as reached_channel,
        coalesce(history.is_done, 0) = 1 as is_done,
        coalesce(history.recent_contacts, 0) as recent_contacts,
        coalesce(history.contacts_in_spell, 0) as contacts_in_spell,
        case when audiences.stop_loss then coalesce(expected_values.expected_value, 0) end as expected_value
    from open_entries as entries
    inner join audiences on entries.audience = audiences.audience
    left join {{ ref('int_customers_contactable') }} as contactable on entries.customer_id = contactable.customer_id
    left join channels as first_choice on audiences.channel = first_choice.channel and first_choice.age = 1
    left join channels as second_choice on audiences.fallback_channel = second_choice.channel and second_choice.age = 1
    left join history
        on
            entries.audience = history.audience
            and entries.customer_id = history.customer_id
            and entries.due_at = history.due_at
            and entries.opens_on = history.opens_on
    left join queue_ranks on entries.customer_id = queue_ranks.customer_id
    left join expected_values on entries.customer_id = expected_values.customer_id
),

-- Two carts left at once are one reminder; the steps of a series and the days of a calendar are contacts of their own.
numbered as (
    select
        *,
        row_number() over (
            partition by audience, customer_id, is_done
            order by due_at, opens_on, triggered_at
        ) as occurrence
    from reached
),

weighed as (
    select
        numbered.*,
        channels.working_days_only,
        case
            when numbered.is_suppressed then 'suppressed'
            when numbered.arm = 'control' then 'held_out'
            when numbered.is_marketing and not numbered.has_consent then 'no_consent'
            when numbered.reached_channel is null then 'unreachable'
            when numbered.is_done then 'contacted'
            when
                numbered.occurrence > 1
                and numbered.repeat_days is null
                and numbered.trigger_name not in ('calendar', 'holiday')
                then 'same_contact'
            when numbered.recent_contacts + numbered.occurrence > numbered.cap then 'audience_cap'
            when
                numbered.stop_loss
                and numbered.cost * (numbered.contacts_in_spell + 1) > numbered.expected_value
                then 'stop_loss'
        end as blocked_by
    from numbered
    left join channels on numbered.reached_channel = channels.channel and channels.age = 1
)

select * from weighed
