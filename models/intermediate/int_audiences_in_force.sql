with

as_of as (
    select * from {{ ref('int_as_of') }}
),

versions as (
    select
        audiences.*,
        row_number() over (partition by audiences.audience order by audiences.valid_from desc) as age
    from {{ ref('audiences') }} as audiences
    inner join as_of on audiences.valid_from <= as_of.as_of_date
),

in_force as (
    select
        *,
        case when delay_unit = 'days' then 24 * delay else delay end as delay_hours
    from versions
    where age = 1 and trigger <> 'none'
)

select
    audience,
    label_zh,
    scheme,
    ' ' || tiers || ' ' as tiers,
    trigger as trigger_name,
    ' ' || month_days || ' ' as month_days,
    ' ' || months || ' ' as months,
    threshold,
    second_threshold,
    repeat_days,
    repeat_until,
    coalesce(lead_days, 0) as lead_days,
    timing,
    delay_hours,
    valid_days,
    lasts_days,
    channel,
    fallback_channel,
    cap,
    cap_days,
    priority,
    is_marketing,
    owner_role,
    cost,
    stop_loss,
    lower(coalesce(campaigns, '')) as campaigns,
    reason
from in_force
