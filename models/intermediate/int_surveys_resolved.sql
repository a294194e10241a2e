with

as_of as (
    select * from {{ ref('int_as_of') }}
),

surveys as (
    select
        surveys.survey_id,
        xref.customer_id,
        surveys.case_id,
        surveys.responded_at,
        surveys.nps,
        surveys.csat,
        surveys.comment is not null as has_comment
    from {{ ref('stg_call_center__surveys') }} as surveys
    left join {{ ref('stg_identity__customer_xref') }} as xref
        on surveys.survey_id = xref.record_key and xref.source = 'call_center.surveys'
    cross join as_of
    where surveys.responded_at < as_of.as_of_end
)

select * from surveys
