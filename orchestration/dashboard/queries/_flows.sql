-- Who moved from which state to which, over the last months. One row per step, pair of states and cell.
with states as (
    select
        customer_id,
        {pivoted}
    from marts.customer_history
    where month_end >= (select min(month_end) from months where position > (select max(position) - {flows} - 1 from months))
    group by customer_id
)
{stepped}
