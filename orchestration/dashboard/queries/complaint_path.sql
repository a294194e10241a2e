-- What becomes of complaints of the last 365 days, step by step. One row per step and cell.
with complaints as (
    select tier_now.tier, tier_now.channel, tier_now.region, cases.is_solved, cases.is_closed_loop, cases.became_promoter
    from marts.fct_cases as cases
    inner join cells as tier_now using (customer_id)
    where cases.is_complaint and cases.opened_on > $as_of::date - 365
),
counted as (
    select
        tier, channel, region,
        count(*) as complaints,
        count(*) filter (where is_solved) as solved,
        count(*) filter (where is_closed_loop) as answered,
        count(*) filter (where became_promoter) as promoters
    from complaints
    group by all
)
unpivot counted on complaints, solved, answered, promoters into name step value customers
