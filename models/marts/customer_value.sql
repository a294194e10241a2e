with

customer_values as (
    select * from {{ ref('int_customer_values') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

final as (
    select
        customer_values.customer_id,
        customer_values.frequency,
        customer_values.recency_days as recency,
        customer_values.age_days as T,  -- noqa: CP02
        customer_values.p_alive,
        customer_values.expected_purchases_90d,
        customer_values.expected_purchases_365d,
        customer_values.expected_spend,
        customer_values.clv_90d,
        customer_values.clv_365d,
        customer_values.net_clv_365d,
        customer_values.discount_share,
        customer_values.return_share,
        customer_values.contribution_share,
        customer_values.cost_365d,
        customer_values.profit_365d,
        customer_values.value_method as method,
        customer_values.value_method_reason as method_reason,
        as_of.as_of_date as as_of
    from customer_values
    inner join as_of on customer_values.evaluated_on = as_of.as_of_date
)

select * from final
