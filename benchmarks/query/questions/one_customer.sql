-- One customer: the whole profile, every scheme, tags and what is due.
select c.*, (select list({scheme: s.scheme, tier: s.tier, since: s.since}) from marts.customer_segments as s
        where s.customer_id = $customer) as schemes,
    (select list(a.audience) from marts.audience_members as a where a.customer_id = $customer) as audiences
from marts.customer_360 as c where c.customer_id = $customer
