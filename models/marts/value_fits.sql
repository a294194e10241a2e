with

final as (
    select
        evaluated_on,
        buyers,
        repeat_buyers,
        r,
        alpha_days,
        a,
        b,
        log_likelihood,
        verdict,
        starts,
        agreeing_starts,
        evaluations,
        p,
        q,
        gamma,
        spend_log_likelihood,
        spend_verdict,
        fitted_mean_spend,
        observed_mean_spend,
        spend_frequency_correlation,
        tested_from,
        test_days,
        test_customers,
        actual_purchases,
        predicted_purchases,
        mae,
        rmse,
        own_rate_mae,
        cohort_mean_mae,
        baseline_mae,
        fallback_mae,
        actual_spend,
        predicted_spend,
        spend_mae,
        beats_baseline,
        method,
        method_reason
    from {{ ref('stg_valuation__fits') }}
)

select * from final
