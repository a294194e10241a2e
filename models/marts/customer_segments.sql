-- depends_on: {{ ref('tier_schemes') }}
{%- set tiers = policy_rules('tier_schemes') %}
{%- set exact = exact_schemes(tiers) %}
{%- set views = lifecycle_views() | map(attribute='scheme') | list %}
with

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

states as (
    select
        *,
        evaluated_on as as_of_date
    from {{ ref('int_customer_present') }}
),

-- Exact to the day where only the customer's own purchases decide, else by day of evaluation.
taken_on as (
    select
        changes.customer_id,
        changes.scheme,
        changes.changed_on,
        changes.previous_tier
    from {{ ref('int_tier_changes') }} as changes
    cross join as_of
    where
        (changes.changed_on is null or changes.changed_on <= as_of.as_of_date)
        and (changes.replaced_on is null or changes.replaced_on > as_of.as_of_date)
    union all
    select
        customer_id,
        scheme,
        changed_on,
        previous_tier
    from {{ ref('int_state_changes_latest') }}
    where
        scheme not in (
            {%- for scheme in exact + views %}
            '{{ scheme }}'{{ ',' if not loop.last }}
            {%- endfor %}
        )
),

-- The version in force on as-of comes first, then those before it; a tier that is no longer given keeps its label.
policy_rows as (
    select
        tier_schemes.scheme,
        tier_schemes.tier,
        tier_schemes.label_zh,
        tier_schemes.official,
        row_number() over (
            partition by tier_schemes.scheme, tier_schemes.tier
            order by
                case when tier_schemes.valid_from <= as_of.as_of_date then tier_schemes.valid_from end desc nulls last,
                tier_schemes.valid_from asc
        ) as age_of_tier,
        row_number() over (
            partition by tier_schemes.scheme
            order by
                case when tier_schemes.valid_from <= as_of.as_of_date then tier_schemes.valid_from end desc nulls last,
                tier_schemes.valid_from asc
        ) as age_of_scheme
    from {{ ref('tier_schemes') }} as tier_schemes
    cross join as_of
),

rfm_rows as (
    select
        'rfm' as scheme,
        rfm_segments.segment as tier,
        rfm_segments.label_zh,
        row_number() over (
            partition by rfm_segments.segment
            order by
                case when rfm_segments.valid_from <= as_of.as_of_date then rfm_segments.valid_from end desc nulls last,
                rfm_segments.valid_from asc,
                rfm_segments.position asc
        ) as age_of_tier
    from {{ ref('rfm_segments') }} as rfm_segments
    cross join as_of
),

labels as (
    select
        scheme,
        tier,
        label_zh
    from policy_rows
    where age_of_tier = 1
    union all
    select
        scheme,
        tier,
        label_zh
    from rfm_rows
    where age_of_tier = 1
),

official_schemes as (
    select scheme
    from policy_rows
    where age_of_scheme = 1 and official
),

placed as (
    {%- for scheme in schemes() %}
    select
        customer_id,
        '{{ scheme['scheme'] }}' as scheme,
        {{ scheme['column'] }} as tier,
        {%- if scheme['scheme'] == 'rfm' %}
        coalesce('RFM cell ' || {{ rfm_cell('states') }}, 'no purchase') as decided_by,
        '{"days_since_purchase": ' || coalesce(cast(days_since_purchase as varchar(20)), 'null')
        || ', "total_purchases": ' || cast(total_purchases as varchar(20))
        || ', "total_spend": ' || cast(total_spend as varchar(30)) || '}' as metrics,
        {%- else %}
        {{ first_that_holds(tiers, scheme['scheme'], 'as_of_date', show='rule') }} as decided_by,
        {{ deciding_metrics(tiers, scheme['scheme'], 'as_of_date') }} as metrics,
        {%- endif %}
        window_purchases,
        window_spend,
        total_purchases,
        total_spend,
        units_bought,
        as_of_date
    from states
    {{- ' union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select
        placed.customer_id,
        placed.scheme,
        placed.tier,
        labels.label_zh,
        official_schemes.scheme is not null as is_official,
        taken_on.changed_on as since,
        taken_on.previous_tier,
        placed.decided_by,
        placed.metrics,
        placed.window_purchases,
        placed.window_spend,
        placed.total_purchases,
        placed.total_spend,
        placed.units_bought,
        placed.as_of_date as as_of
    from placed
    left join taken_on on placed.customer_id = taken_on.customer_id and placed.scheme = taken_on.scheme
    left join labels on placed.scheme = labels.scheme and placed.tier = labels.tier
    left join official_schemes on placed.scheme = official_schemes.scheme
)

select * from final
