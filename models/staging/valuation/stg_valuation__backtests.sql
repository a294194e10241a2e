with

source as (
    select * from {{ source('valuation', 'backtests') }}
),

typed as (
    select
        evaluated_on,
        grouped_by,
        group_number,
        customers,
        predicted_purchases,
        actual_purchases,
        own_rate_purchases,
        cohort_mean_purchases,
        predicted_spend,
        actual_spend
    from source
)

select * from typed
