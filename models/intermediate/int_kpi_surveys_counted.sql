-- depends_on: {{ ref('tier_schemes') }}
{%- set schemes = official_schemes() %}
with

days as (
    select * from {{ ref('int_kpi_days') }}
),

states as (
    select * from {{ ref('int_customer_states') }}
),

cases as (
    select
        case_id,
        channel
    from {{ ref('int_cases_resolved') }}
),

surveys as (
    select
        surveys.customer_id,
        surveys.nps,
        surveys.csat,
        cast(surveys.responded_at as date) as responded_on,
        coalesce(cases.channel, case when cases.case_id is null then 'none' end, 'unknown') as channel
    from {{ ref('int_surveys_resolved') }} as surveys
    left join cases on surveys.case_id = cases.case_id
),

answers as (
    select
        days.evaluated_on,
        case
            when surveys.customer_id is null then 'unlinked'
            else coalesce({{ tier_in(schemes, 'days.official_scheme', 'states') }}, 'unknown')
        end as tier,
        surveys.channel,
        case when surveys.responded_on >= {{ days_after('days.evaluated_on', '-days.nps_days') }} then surveys.nps end
            as nps,
        case when surveys.responded_on >= {{ days_after('days.evaluated_on', '-days.csat_days') }} then surveys.csat end
            as csat,
        days.promoter_from,
        days.detractor_to,
        days.satisfied_from
    from surveys
    inner join days
        on
            surveys.responded_on <= days.evaluated_on
            and surveys.responded_on
            >= {{ days_after('days.evaluated_on', '-greatest(days.nps_days, days.csat_days)') }}
    left join states
        on surveys.customer_id = states.customer_id and days.evaluated_on = states.evaluated_on
),

answer_cube as (
    select
        evaluated_on,
        tier,
        channel,
        count(nps) as nps_answers,
        sum(case when nps >= promoter_from then 1 when nps <= detractor_to then -1 else 0 end) as net_promoters,
        count(csat) as csat_answers,
        sum(case when csat >= satisfied_from then 1 else 0 end) as satisfied
    from answers
    group by
        evaluated_on,
        tier,
        channel
),

counts as (
    {{ kpi_rows('answer_cube', [
        ('nps', '100 * net_promoters', 'nps_answers'),
        ('csat', 'satisfied', 'csat_answers'),
    ]) }}
)

select * from counts
