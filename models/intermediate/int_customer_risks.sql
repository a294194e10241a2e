{{ config(materialized='kept', due='valued') }}
{%- set habits = ['purchases', 'visits', 'logins', 'service_contacts'] %}
{%- set signals = [
    'purchases_down', 'purchase_overdue', 'visits_down', 'logins_down', 'service_contacts_down', 'silence',
] %}
{%- set signal_weights, shares, reasons = [], [], [] %}
{%- for signal in signals %}
{%- do signal_weights.append((signal, signal ~ '_weight')) %}
{%- do shares.append('coalesce(' ~ signal ~ ' * ' ~ signal ~ '_weight, 0)') %}
{%- do reasons.append('case when ' ~ signal ~ "_share > 0 then '" ~ signal ~ "' end") %}
{%- endfor %}
{%- set drivers = ['service_quality', 'resolution', 'care', 'other'] %}
{%- set driver_weights = [] %}
{%- for driver in drivers %}
{%- do driver_weights.append((driver ~ '_score', driver ~ '_weight')) %}
{%- endfor %}
{%- set health_parts = ['retention', 'loyalty', 'alive', 'service'] %}
{%- set health_weights = [] %}
{%- for part in health_parts %}
{%- do health_weights.append(('health_' ~ part, part ~ '_weight')) %}
{%- endfor %}
with

evaluation_days as (
    select * from {{ ref('int_evaluation_days') }}
),

signals as (
    {{ policy_by_day('churn_signals', 'signal', signals,
        ['weight', 'minimum_habit', 'mild_at', 'full_at', 'owner_role', 'offer'], 'evaluation_days') }}
),

weights as (
    {{ policy_by_day('loyalty_weights', 'part', ['nps', 'satisfaction', 'repurchase'] + drivers, ['weight'],
        'evaluation_days') }}
),

parts as (
    {{ policy_by_day('health_parts', 'part', health_parts,
        ['weight', 'zero_at', 'full_at'], 'evaluation_days') }}
),

snapshots as (
    select
        customer_id,
        evaluated_on,
        days_since_purchase,
        days_since_interaction
    from {{ ref('int_customer_snapshots') }}
    where {{ is_due('valued', 'customer_id', 'evaluated_on') }}
),

steps as (
    select * from {{ ref('int_customer_signal_steps') }}
),

behaviours as (
    select
        customer_id,
        evaluated_on,
        purchase_cycle_days,
        repurchase_rate
    from {{ ref('int_customer_behaviours') }}
    where {{ is_due('valued', 'customer_id', 'evaluated_on') }}
),

customer_values as (
    select
        customer_id,
        evaluated_on,
        frequency,
        p_alive
    from {{ ref('int_customer_values') }}
    where {{ is_due('valued', 'customer_id', 'evaluated_on') }}
),

observed as (
    select
        snapshots.customer_id,
        snapshots.evaluated_on,
        snapshots.days_since_purchase,
        snapshots.days_since_interaction,
        behaviours.purchase_cycle_days,
        behaviours.repurchase_rate,
        case when customer_values.frequency > 0 then customer_values.p_alive end as p_alive,
        {%- for habit in habits %}
        coalesce(steps.recent_{{ habit }}, 0) as recent_{{ habit }},
        steps.habit_{{ habit }},
        {%- endfor %}
        {%- for points in ['nps', 'service_quality', 'care', 'other'] %}
        steps.{{ points }}_points * 1.0 / nullif(steps.{{ points }}_answers, 0) as {{ points }}_score,
        {%- endfor %}
        steps.solved_cases * 100.0 / nullif(steps.cases, 0) as resolution_score,
        -- Who never asked for anything says nothing about the service.
        case when steps.cases > 0 or steps.unsolved_complaints > 0 then steps.unsolved_complaints end
            as unsolved_complaints,
        evaluation_days.spend_days + 1 as year_days,
        evaluation_days.activity_days + 1 as recent_days,
        {{ days_between('steps.first_active_on', 'snapshots.evaluated_on') }} - evaluation_days.activity_days
            as watched_days
    from snapshots
    inner join evaluation_days on snapshots.evaluated_on = evaluation_days.evaluated_on
    left join steps
        on
            snapshots.customer_id = steps.customer_id
            and {{ holds_on('steps', 'evaluation_days') }}
    left join behaviours
        on snapshots.customer_id = behaviours.customer_id and snapshots.evaluated_on = behaviours.evaluated_on
    left join customer_values
        on
            snapshots.customer_id = customer_values.customer_id
            and snapshots.evaluated_on = customer_values.evaluated_on
),

-- A habit is told once it was watched for as long as the recent days it is compared with.
habits as (
    select
        observed.*,
        signals.*,
        {%- for habit in habits %}
        case
            when observed.watched_days >= observed.recent_days
                then
                    observed.habit_{{ habit }} * observed.recent_days * 1.0
                    / least(observed.year_days, observed.watched_days)
        end as expected_{{ habit }},
        {%- endfor %}
        case
            when observed.purchase_cycle_days is not null
                then
                    observed.days_since_purchase * 1.0
                    / greatest(observed.purchase_cycle_days, signals.purchase_overdue_minimum_habit)
        end as cycles_since_purchase
    from observed
    inner join signals on observed.evaluated_on = signals.policy_day
),

-- How far each signal is on its way from mild (0) to full (1); empty without a habit to compare with.
severities as (
    select
        *,
        {%- for habit in habits %}
        case
            when expected_{{ habit }} >= {{ habit }}_down_minimum_habit
                then
                    {{ points_between(
                        '(1 - recent_' ~ habit ~ ' / nullif(expected_' ~ habit ~ ', 0))',
                        habit ~ '_down_mild_at',
                        habit ~ '_down_full_at'
                    ) }}
        end as {{ habit }}_down,
        {%- endfor %}
        {{ points_between('cycles_since_purchase', 'purchase_overdue_mild_at', 'purchase_overdue_full_at') }}
            as purchase_overdue,
        {{ points_between('days_since_interaction', 'silence_mild_at', 'silence_full_at') }} as silence
    from habits
),

churn as (
    select
        *,
        coalesce(100 * {{ weighted_mean(signal_weights) }}, 0) as churn_score,
        {%- for signal in signals %}
        coalesce({{ signal }} * {{ signal }}_weight, 0) as {{ signal }}_share,
        {%- endfor %}
        greatest(
            {{ shares | join(',\n            ') }}
        ) as greatest_share
    from severities
),

satisfaction as (
    select
        churn.*,
        weights.*,
        churn.repurchase_rate * 100.0 as repurchase_score,
        {{ weighted_mean(driver_weights) }} as satisfaction_score
    from churn
    inner join weights on churn.evaluated_on = weights.policy_day
),

loyalty as (
    select
        *,
        {{ weighted_mean([
            ('nps_score', 'nps_weight'),
            ('satisfaction_score', 'satisfaction_weight'),
            ('repurchase_score', 'repurchase_weight'),
        ]) }} as loyalty_index
    from satisfaction
),

health as (
    select
        loyalty.*,
        parts.*,
        100 * {{ points_between('loyalty.churn_score', 'parts.retention_zero_at', 'parts.retention_full_at') }}
            as health_retention,
        100 * {{ points_between('loyalty.loyalty_index', 'parts.loyalty_zero_at', 'parts.loyalty_full_at') }}
            as health_loyalty,
        100 * {{ points_between('loyalty.p_alive', 'parts.alive_zero_at', 'parts.alive_full_at') }} as health_alive,
        100 * {{ points_between('loyalty.unsolved_complaints', 'parts.service_zero_at', 'parts.service_full_at') }}
            as health_service
    from loyalty
    inner join parts on loyalty.evaluated_on = parts.policy_day
),

final as (
    select
        customer_id,
        evaluated_on,
        cast(churn_score as decimal(9, 2)) as churn_score,
        {{ list_of_given(reasons) }} as churn_reasons,
        case
            when greatest_share = 0 then null
            {%- for signal in signals %}
            when {{ signal }}_share = greatest_share then {{ signal }}_owner_role
            {%- endfor %}
        end as churn_owner,
        case
            when greatest_share = 0 then null
            {%- for signal in signals %}
            when {{ signal }}_share = greatest_share then {{ signal }}_offer
            {%- endfor %}
        end as churn_offer,
        {%- for habit in habits %}
        cast(recent_{{ habit }} as integer) as recent_{{ habit }},
        cast(expected_{{ habit }} as decimal(18, 2)) as expected_{{ habit }},
        {%- endfor %}
        cast(cycles_since_purchase as decimal(18, 2)) as cycles_since_purchase,
        cast(days_since_interaction as integer) as days_since_interaction,
        cast(loyalty_index as decimal(9, 2)) as loyalty_index,
        {%- for score in ['nps', 'satisfaction', 'repurchase'] + drivers %}
        cast({{ score }}_score as decimal(9, 2)) as {{ score }}_score,
        {%- endfor %}
        cast({{ weighted_mean(health_weights) }} as decimal(9, 2)) as health_score,
        {%- for part in health_parts[:-1] %}
        cast(health_{{ part }} as decimal(9, 2)) as health_{{ part }},
        {%- endfor %}
        cast(health_{{ health_parts[-1] }} as decimal(9, 2)) as health_{{ health_parts[-1] }}
    from health
)

select * from final
