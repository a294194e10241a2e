with

risks as (
    select * from {{ ref('int_customer_risks') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

final as (
    select
        risks.customer_id,
        risks.churn_score,
        risks.churn_reasons,
        risks.churn_owner,
        risks.churn_offer,
        risks.recent_purchases,
        risks.expected_purchases,
        risks.recent_visits,
        risks.expected_visits,
        risks.recent_logins,
        risks.expected_logins,
        risks.recent_service_contacts,
        risks.expected_service_contacts,
        risks.cycles_since_purchase,
        risks.days_since_interaction,
        risks.loyalty_index,
        risks.nps_score,
        risks.satisfaction_score,
        risks.repurchase_score,
        risks.service_quality_score,
        risks.resolution_score,
        risks.care_score,
        risks.other_score,
        risks.health_score,
        risks.health_retention,
        risks.health_loyalty,
        risks.health_alive,
        risks.health_service,
        as_of.as_of_date as as_of
    from risks
    inner join as_of on risks.evaluated_on = as_of.as_of_date
)

select * from final
