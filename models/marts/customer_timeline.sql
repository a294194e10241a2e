with

-- No step is read twice: DuckDB would keep such a step whole, for everybody, before it looks for one customer.
orders as (
    select
        customer_id,
        order_key,
        channel,
        min(order_id) as order_id,
        min(purchased_at) as happened_at,
        count(*) as order_lines,
        sum(net_amount) as amount
    from {{ ref('fct_sales') }}
    where customer_id is not null
    group by
        customer_id,
        order_key,
        channel
),

visited as (
    select
        customer_id,
        coalesce(channel, 'online') as channel,
        event_type,
        cast(occurred_at as date) as visited_on,
        min(occurred_at) as happened_at,
        count(*) as times
    from {{ ref('fct_events') }}
    where customer_id is not null
    group by
        customer_id,
        coalesce(channel, 'online'),
        event_type,
        cast(occurred_at as date)
),

visits as (
    select
        customer_id,
        channel,
        visited_on,
        min(happened_at) as happened_at,
        {{ joined_text("event_type || case when times > 1 then ' x' || cast(times as varchar(20)) else '' end") }}
            as what
    from visited
    group by
        customer_id,
        channel,
        visited_on
),

contacts as (
    select
        *,
        case
            when responded_at is not null then ' answered'
            when clicked_at is not null then ' clicked'
            when opened_at is not null then ' opened'
            else ''
        end as became
    from {{ ref('fct_outreach') }}
    where customer_id is not null
),

tiers as (
    select
        customer_id,
        scheme,
        previous_tier,
        tier,
        since
    from {{ ref('customer_segments') }}
    union all
    select
        customer_id,
        'lifecycle_stage' as scheme,
        previous_stage as previous_tier,
        stage as tier,
        since
    from {{ ref('customer_lifecycle') }}
),

moments as (
    select
        customer_id,
        happened_at,
        case when amount < 0 then 'return' else 'purchase' end as kind,
        channel,
        case when amount < 0 then 'return ' else 'purchase ' end || order_id
        || ', ' || cast(order_lines as varchar(20)) || ' lines, net ' || cast(amount as varchar(40)) as what,
        amount,
        order_key as reference
    from orders
    union all
    select
        customer_id,
        happened_at,
        'visit' as kind,
        channel,
        'visit: ' || what as what,
        null as amount,
        null as reference
    from visits
    union all
    select
        customer_id,
        opened_at as happened_at,
        'case_opened' as kind,
        channel,
        'case ' || case_id || coalesce(' ' || case_type, '') || coalesce(' ' || topic, '')
        || case when is_open then ' open' else ' closed' end as what,
        null as amount,
        case_id as reference
    from {{ ref('fct_cases') }}
    where customer_id is not null
    union all
    select
        customer_id,
        resolved_at as happened_at,
        'case_resolved' as kind,
        channel,
        'case ' || case_id || ' resolved' as what,
        null as amount,
        case_id as reference
    from {{ ref('fct_cases') }}
    where customer_id is not null and resolved_at is not null
    union all
    select
        customer_id,
        responded_at as happened_at,
        'survey' as kind,
        'survey' as channel,
        'survey' || coalesce(', NPS ' || cast(nps as varchar(20)), '')
        || coalesce(', CSAT ' || cast(csat as varchar(20)), '') as what,
        null as amount,
        survey_id as reference
    from {{ ref('fct_surveys') }}
    where customer_id is not null
    union all
    select
        customer_id,
        sent_at as happened_at,
        'outreach' as kind,
        channel,
        'outreach' || coalesce(' ' || campaign_id, '') || coalesce(' ' || arm, '') || became as what,
        null as amount,
        contact_id as reference
    from contacts
    union all
    select
        customer_id,
        cast(since as timestamp) as happened_at,
        'tier' as kind,
        'tier' as channel,
        scheme || ': ' || previous_tier || ' → ' || tier as what,
        null as amount,
        scheme as reference
    from tiers
    where since is not null and previous_tier is not null
),

final as (
    select
        customer_id,
        happened_at,
        kind,
        channel,
        what,
        cast(amount as decimal(18, 4)) as amount,
        reference
    from moments
)

select * from final
