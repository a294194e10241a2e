with

surveys as (
    select * from {{ ref('int_surveys_resolved') }}
),

final as (
    select
        survey_id,
        customer_id,
        case_id,
        responded_at,
        cast(nps as integer) as nps,
        cast(csat as integer) as csat,
        has_comment
    from surveys
)

select * from final
