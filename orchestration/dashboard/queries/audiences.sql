-- Members of each audience, contacted and held out. One row per audience, arm and cell.
select audience, coalesce(arm, 'treatment') as arm, cells.tier, cells.channel, cells.region, count(*) as customers
from marts.audience_members
inner join cells using (customer_id)
group by all
