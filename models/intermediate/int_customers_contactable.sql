-- depends_on: {{ ref('suppression_signals') }}
{%- set signals = suppression_patterns() %}
with

as_of as (
    select * from {{ ref('int_as_of') }}
),

opted_out as (
    select
        xref.customer_id,
        max(cast(coalesce(outreach.responded_at, outreach.sent_at) as date)) as opted_out_on
    from {{ ref('stg_call_center__outreach') }} as outreach
    inner join {{ ref('stg_identity__customer_xref') }} as xref
        on outreach.contact_id = xref.record_key and xref.source = 'call_center.outreach'
    cross join as_of
    where
        xref.customer_id is not null
        and coalesce(outreach.responded_at, outreach.sent_at) < as_of.as_of_end
        and (
            {{ text_matches('lower(outreach.next_action)', signals) }}
            or {{ text_matches('lower(outreach.note)', signals) }}
        )
    group by xref.customer_id
),

final as (
    select
        known.customer_id,
        -- An answer that came after as-of says nothing about as-of, and who has not said yes has said no.
        coalesce(
            known.marketing_consent and cast(known.marketing_consent_since as date) <= as_of.as_of_date, false
        ) as has_consent,
        opted_out.opted_out_on,
        -- Who opens an account and agrees after an opt-out may be contacted again.
        opted_out.opted_out_on is not null
        and not coalesce(
            known.marketing_consent
            and cast(known.marketing_consent_since as date) > opted_out.opted_out_on
            and cast(known.marketing_consent_since as date) <= as_of.as_of_date,
            false
        ) as is_suppressed,
        known.masked_phone is not null as has_phone,
        known.masked_email is not null as has_email,
        known.account_count > 0 as has_account
    from {{ ref('int_customers_known') }} as known
    cross join as_of
    left join opted_out on known.customer_id = opted_out.customer_id
)

select * from final
