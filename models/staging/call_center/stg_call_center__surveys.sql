with

source as (
    select * from {{ source('call_center', 'surveys') }}
),

typed as (
    select
        record_key,
        survey_id,
        responded_at,
        case_id,
        phone,
        member_id,
        account_id,
        nps,
        csat,
        comment,
        _delivery_date as delivered_on,
        _first_delivered as first_delivered_on
    from source
)

select * from typed
