-- The hundred most valuable customers at risk, with reasons and what is due.
select c.customer_id, c.display_name, c.net_clv_365d, c.churn_score, c.churn_reasons, a.audience, a.due_at
from marts.customer_360 as c left join marts.audience_members as a using (customer_id)
where c.churn_score >= 50 order by c.net_clv_365d desc nulls last, c.customer_id limit 100
