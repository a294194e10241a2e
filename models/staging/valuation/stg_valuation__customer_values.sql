with

source as (
    select * from {{ source('valuation', 'customer_values') }}
),

typed as (
    select
        customer_id,
        evaluated_on,
        frequency,
        recency_days,
        age_days,
        p_alive,
        expected_purchases_90d,
        expected_purchases_365d,
        expected_spend,
        clv_90d,
        clv_365d,
        method,
        method_reason
    from source
)

select * from typed
