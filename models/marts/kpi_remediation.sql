with

as_of as (
    select
        as_of_date,
        history_from
    from {{ ref('int_as_of') }}
),

statuses as (
    select * from {{ ref('int_kpi_statuses') }}
    where dimension = 'all'
),

-- Each green day begins a new spell, so a spell holds the days since the KPI was last on target.
spells as (
    select
        *,
        sum(case when status = 'green' then 1 else 0 end) over (
            partition by kpi
            order by evaluated_on
            rows between unbounded preceding and current row
        ) as spell
    from statuses
),

bounds as (
    select
        kpi,
        spell,
        min(evaluated_on) as begins_on,
        min(case when status = 'red' then evaluated_on end) as opened_on,
        max(evaluated_on) as last_evaluated_on
    from spells
    group by
        kpi,
        spell
),

closed as (
    select
        *,
        lead(begins_on) over (partition by kpi order by spell) as closed_on,
        last_day(opened_on) as opened_month_end
    from bounds
),

final as (
    select
        closed.kpi,
        opening.label_zh,
        closed.opened_on,
        closed.opened_on = as_of.history_from as is_opened_earlier,
        closed.closed_on,
        case when closed.closed_on is null then 'open' else 'closed' end as status,
        opening.owner,
        opening.action,
        {{ days_after('closed.opened_month_end', 'opening.due_days') }} as due_on,
        closed.closed_on is null and as_of.as_of_date > {{ days_after('closed.opened_month_end', 'opening.due_days') }}
            as is_overdue,
        opening.value as value_at_opening,
        cast(opening.target as decimal(18, 4)) as target_at_opening,
        cast(opening.red as decimal(18, 4)) as red_at_opening,
        latest.value as value_now,
        latest.status as status_now,
        as_of.as_of_date as as_of
    from closed
    cross join as_of
    inner join statuses as opening on closed.kpi = opening.kpi and closed.opened_on = opening.evaluated_on
    inner join statuses as latest
        on
            closed.kpi = latest.kpi
            and coalesce(closed.closed_on, closed.last_evaluated_on) = latest.evaluated_on
)

select * from final
