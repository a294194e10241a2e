-- depends_on: {{ ref('tier_schemes') }}
{%- set tiers = policy_rules('tier_schemes') %}
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

states as (
    select
        states.*,
        as_of.as_of_date
    from {{ ref('int_customer_states') }} as states
    inner join as_of on states.evaluated_on = as_of.as_of_date
),

spells as (
    select * from {{ ref('int_state_spells') }}
),

changes as (
    select * from {{ ref('int_tier_changes') }}
    where is_present
),

schemes as (
    select distinct
        scheme,
        tier,
        label_zh
    from {{ ref('tier_schemes') }}
    union distinct
    select distinct
        'rfm' as scheme,
        segment as tier,
        label_zh
    from {{ ref('rfm_segments') }}
),

official_schemes as (
    select distinct scheme
    from {{ ref('tier_schemes') }}
    where official
),

placed as (
    select
        states.customer_id,
        'spend_tier' as scheme,
        states.spend_tier as tier,
        changes.changed_on as since,
        changes.previous_tier,
        {{ first_that_holds(tiers, 'spend_tier', 'states.as_of_date', show='rule') }} as decided_by
    from states
    inner join changes on states.customer_id = changes.customer_id and changes.scheme = 'spend_tier'
    union all
    select
        states.customer_id,
        'service_class' as scheme,
        states.service_class as tier,
        changes.changed_on as since,
        changes.previous_tier,
        {{ first_that_holds(tiers, 'service_class', 'states.as_of_date', show='rule') }} as decided_by
    from states
    inner join changes on states.customer_id = changes.customer_id and changes.scheme = 'service_class'
    union all
    select
        states.customer_id,
        'rfm' as scheme,
        states.rfm_segment as tier,
        spells.rfm_segment_since as since,
        spells.previous_rfm_segment as previous_tier,
        coalesce('RFM cell ' || {{ rfm_cell('states') }}, 'no purchase') as decided_by
    from states
    inner join spells on states.customer_id = spells.customer_id
),

final as (
    select
        placed.customer_id,
        placed.scheme,
        placed.tier,
        schemes.label_zh,
        official_schemes.scheme is not null as is_official,
        placed.since,
        placed.previous_tier,
        placed.decided_by,
        states.window_purchases,
        states.window_spend,
        states.total_purchases,
        states.total_spend,
        states.units_bought,
        states.as_of_date as as_of
    from placed
    inner join states on placed.customer_id = states.customer_id
    left join schemes on placed.scheme = schemes.scheme and placed.tier = schemes.tier
    left join official_schemes on placed.scheme = official_schemes.scheme
)

select * from final
