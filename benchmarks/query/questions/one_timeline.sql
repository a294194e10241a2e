-- One customer: the last fifty moments across channels.
select purchased_at as at, 'purchase' as what, order_id as which from marts.fct_sales where customer_id = $customer
union all select opened_at, 'case', case_id from marts.fct_cases where customer_id = $customer
union all select sent_at, 'contact', contact_id from marts.fct_outreach where customer_id = $customer
union all select occurred_at, event_type, event_id from marts.fct_events where customer_id = $customer
order by 1 desc limit 50
