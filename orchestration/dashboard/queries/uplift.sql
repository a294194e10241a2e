-- What contacts bring, against those held out. One row per audience or campaign that can be measured.
select
    audience, scope, treated, control, treated_rate, control_rate, uplift, uplift_low, uplift_high, relative_uplift,
    verdict,
    case when uplift_low > 0 then 'better' when uplift_high < 0 then 'worse' else 'open' end as sure
from marts.audience_uplift
where uplift is not null
order by treated + control desc
limit 20
