with

statuses as (
    select * from {{ ref('int_kpi_statuses') }}
    where dimension = 'all' and is_shown and is_month_end
),

remediation as (
    select * from {{ ref('kpi_remediation') }}
),

kpis as (
    select
        statuses.owner,
        statuses.evaluated_on,
        statuses.kpi,
        statuses.status,
        case
            when statuses.change = 0 or statuses.change is null then 0
            when (statuses.direction = 'higher') = (statuses.change > 0) then 1
            else -1
        end as progress,
        case when remediation.kpi is null then 0 else 1 end as is_open,
        case when remediation.due_on < statuses.evaluated_on then 1 else 0 end as is_overdue
    from statuses
    left join remediation
        on
            statuses.kpi = remediation.kpi
            and statuses.evaluated_on >= remediation.opened_on
            and statuses.evaluated_on < coalesce(remediation.closed_on, cast('9999-12-31' as date))
),

final as (
    select
        owner,
        evaluated_on as month_end,
        cast(count(*) as integer) as kpis,
        cast(sum(case when status = 'green' then 1 else 0 end) as integer) as green,
        cast(sum(case when status = 'yellow' then 1 else 0 end) as integer) as yellow,
        cast(sum(case when status = 'red' then 1 else 0 end) as integer) as red,
        cast(sum(case when status is null then 1 else 0 end) as integer) as without_status,
        cast(sum(case when progress = 1 then 1 else 0 end) as integer) as improved,
        cast(sum(case when progress = -1 then 1 else 0 end) as integer) as worsened,
        cast(sum(is_open) as integer) as remediations_open,
        cast(sum(is_overdue) as integer) as remediations_overdue,
        {{ list_of("case when status = 'red' then kpi end") }} as red_kpis,
        {{ list_of("case when status = 'yellow' then kpi end") }} as yellow_kpis
    from kpis
    group by
        owner,
        evaluated_on
)

select * from final
