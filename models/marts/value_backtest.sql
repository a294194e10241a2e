with

final as (
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
    from {{ ref('stg_valuation__backtests') }}
)

select * from final
