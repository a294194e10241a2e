{#- Query: all that a rule can ask of a customer on a day of evaluation. One row per customer and day, of the days and
    customers that `condition` on `customer_id` and `evaluated_on` keeps. A macro and not a model, so that the condition
    holds for each input before they are joined. -#}
{% macro customer_measures(condition) -%}
    select
        snapshots.*,
        behaviours.purchase_cycle_days,
        behaviours.repurchase_rate,
        behaviours.window_repeat_purchases,
        behaviours.recent_repeat_purchases,
        behaviours.promotion_share,
        behaviours.new_item_share,
        behaviours.return_share,
        behaviours.window_categories,
        behaviours.category_change,
        behaviours.order_value_change,
        behaviours.window_complaints,
        behaviours.service_score,
        behaviours.contribution_points,
        risks.loyalty_index,
        risks.churn_score,
        cast(customer_values.net_clv_365d as decimal(18, 4)) as net_clv,
        customer_values.clv_365d,
        customer_values.profit_365d,
        case
            when snapshots.total_purchases > 0
                then cast(customer_values.net_clv_365d as decimal(18, 4)) - spend_cuts.clv_high
        end as net_clv_over_high,
        case
            when snapshots.total_purchases > 0
                then cast(customer_values.net_clv_365d as decimal(18, 4)) - spend_cuts.clv_middle
        end as net_clv_over_middle,
        case when snapshots.window_purchases > 0 then snapshots.window_spend - spend_cuts.top_spend end
            as window_spend_over_top,
        case when snapshots.window_purchases > 0 then snapshots.window_spend - spend_cuts.median_spend end
            as window_spend_over_median,
        case when snapshots.total_purchases > 0 then snapshots.total_spend - spend_cuts.value_high end
            as total_spend_over_high,
        case when snapshots.total_purchases > 0 then snapshots.total_spend - spend_cuts.value_middle end
            as total_spend_over_middle,
        case
            when snapshots.total_purchases > 0
                then {{ score_by_cuts('snapshots.days_since_purchase', 'rfm_cuts.recency', reverse=true) }}
        end as r_score,
        case
            when snapshots.total_purchases > 0
                then {{ score_by_cuts('snapshots.total_purchases', 'rfm_cuts.frequency') }}
        end as f_score,
        case
            when snapshots.total_purchases > 0 then {{ score_by_cuts('snapshots.total_spend', 'rfm_cuts.monetary') }}
        end as m_score
    from (
        select * from {{ ref('int_customer_snapshots') }}
        where {{ condition }}
    ) as snapshots
    left join (
        select * from {{ ref('int_customer_behaviours') }}
        where {{ condition }}
    ) as behaviours
        on snapshots.customer_id = behaviours.customer_id and snapshots.evaluated_on = behaviours.evaluated_on
    left join (
        select * from {{ ref('int_customer_values') }}
        where {{ condition }}
    ) as customer_values
        on
            snapshots.customer_id = customer_values.customer_id
            and snapshots.evaluated_on = customer_values.evaluated_on
    left join (
        select * from {{ ref('int_customer_risks') }}
        where {{ condition }}
    ) as risks
        on snapshots.customer_id = risks.customer_id and snapshots.evaluated_on = risks.evaluated_on
    left join {{ ref('int_spend_cuts') }} as spend_cuts on snapshots.evaluated_on = spend_cuts.evaluated_on
    left join {{ ref('int_rfm_cuts') }} as rfm_cuts on snapshots.evaluated_on = rfm_cuts.evaluated_on
{%- endmacro %}
