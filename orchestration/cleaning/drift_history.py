"""What is unusual about a delivery, measured by the deliveries of the same dataset before it.

What belongs here: comparing figures (`profile.py`) and written headers with those before. What does not: what a
difference means (`drift_policy.py`), and what a contract alone can tell (`drift.py`).

Usual is the median of the deliveries of the last `history_days` on the same day of the week; while there are too few
of that day, of those on working days, or at weekends. A difference counts when it passes the rule's threshold and
`spread_factor` times the usual deviation (1.4826 times the median absolute deviation), so a source that swings widely
is not reported every day.
A trend is `trend_deliveries` deliveries on working days, or at weekends, of which each moved in the same direction.
"""

from orchestration.cleaning.drift_policy import DriftPolicy


def findings_sql(policy: DriftPolicy) -> str:
    """SQL of `source, dataset, delivery_date, finding, column_name, rows, expected, found`; reads `drift_rules`.

    `drift_rules` is the table of the rules; the statement keeps what passes the threshold of the most specific rule in
    force on the day of delivery. One row per finding, delivery and column.
    """
    s = policy.settings
    steps = int(s.trend_deliveries) - 1
    return f"""
        with profiles as (
            select
                *, filled + unreadable + unknown as given
            from clean.field_profiles
        ),
        series as (
            select
                source, dataset, delivery_date, null::varchar as column_name, 'volume' as finding,
                max(rows)::double as value, 0.0 as scale, max(rows) as rows
            from profiles
            group by source, dataset, delivery_date
            union all
            select source, dataset, delivery_date, column_name, 'null_rate', 1 - given / rows, 0, rows
            from profiles
            where rows >= {s.min_rows}
            union all
            select source, dataset, delivery_date, column_name, 'mean_shift', mean, deviation, rows
            from profiles
            where filled >= {s.min_rows} and isfinite(mean) and isfinite(deviation)
            union all
            select source, dataset, delivery_date, column_name, 'retyped_column', numbers / filled, 0, rows
            from profiles
            where filled >= {s.min_rows} and numbers is not null
            union all
            select source, dataset, delivery_date, column_name, 'retyped_column', unreadable / given, 0, rows
            from profiles
            where given >= {s.min_rows} and numbers is null
        ),
        usual as (
            select
                now.source, now.dataset, now.delivery_date, now.column_name, now.finding,
                any_value(now.value) as value, any_value(now.rows) as rows,
                count(*) filter (isodow(past.delivery_date) = isodow(now.delivery_date)) as earlier_weekday,
                median(past.value) as median_kind,
                median(past.value) filter (isodow(past.delivery_date) = isodow(now.delivery_date)) as median_weekday,
                mad(past.value) as mad_kind,
                mad(past.value) filter (isodow(past.delivery_date) = isodow(now.delivery_date)) as mad_weekday,
                median(past.scale) as scale
            from series as now
            join series as past
                on now.source = past.source and now.dataset = past.dataset and now.finding = past.finding
                and now.column_name is not distinct from past.column_name
                and past.delivery_date < now.delivery_date
                and past.delivery_date >= now.delivery_date - {int(s.history_days)}
                and (isodow(past.delivery_date) > 5) = (isodow(now.delivery_date) > 5)
            group by now.source, now.dataset, now.delivery_date, now.column_name, now.finding
            having
                count(*) >= {s.min_deliveries}
                or count(*) filter (isodow(past.delivery_date) = isodow(now.delivery_date))
                >= {s.min_weekday_deliveries}
        ),
        expected as (
            select
                *,
                case when earlier_weekday >= {s.min_weekday_deliveries} then median_weekday else median_kind end
                    as expected,
                case when earlier_weekday >= {s.min_weekday_deliveries} then mad_weekday else mad_kind end * 1.4826
                    as spread
            from usual
        ),
        -- How far it is from the usual, in the unit of the rule's threshold.
        measured as (
            select
                source, dataset, delivery_date, column_name, finding, rows, expected, value as found,
                abs(value - expected) > {s.spread_factor} * spread as is_beyond_chance,
                case finding
                    when 'volume' then abs(value - expected) / greatest(expected, 1)
                    when 'mean_shift' then abs(value - expected) / greatest(scale, 0.05 * abs(expected), 1e-9)
                    else abs(value - expected)
                end as distance
            from expected
            -- A handful of rows more or less says nothing, however few are usual.
            where finding <> 'volume' or greatest(value, expected) >= {s.min_rows}
        ),
        stepped as (
            select
                *,
                sign(value - lag(value) over of_series) as step
            from (select *, isodow(delivery_date) > 5 as is_weekend from series)
            where finding in ('volume', 'null_rate')
            window of_series as (partition by source, dataset, finding, column_name, is_weekend order by delivery_date)
        ),
        trends as (
            select
                source, dataset, delivery_date, column_name, finding || '_trend' as finding, rows,
                first_value(value) over whole as expected, value as found,
                count(step) over steps = {steps} and abs(sum(step) over steps) = {steps} as is_beyond_chance,
                abs(value - first_value(value) over whole)
                / case when finding = 'volume' then greatest(first_value(value) over whole, 1) else 1 end as distance
            from stepped
            window
                steps as (
                    partition by source, dataset, finding, column_name, is_weekend order by delivery_date
                    rows between {steps - 1} preceding and current row
                ),
                whole as (
                    partition by source, dataset, finding, column_name, is_weekend order by delivery_date
                    rows between {steps} preceding and current row
                )
        ),
        choices as (
            select source, dataset, delivery_date, column_name, filled, rows, unnest(map_entries(shares)) as choice
            from profiles
            -- The days until the delivery are no choice, and its figures are compared by their mean.
            where shares is not null and mean is null and filled >= {s.min_rows}
        ),
        shares as (
            select
                source, dataset, delivery_date, column_name, rows, choice.key as choice, choice.value / filled as share
            from choices
        ),
        share_days as (select distinct source, dataset, delivery_date, column_name, rows from shares),
        usual_shares as (
            select
                now.source, now.dataset, now.delivery_date, now.column_name, past.choice,
                sum(past.share) as share
            from share_days as now
            join shares as past
                on now.source = past.source and now.dataset = past.dataset and now.column_name = past.column_name
                and past.delivery_date < now.delivery_date
                and past.delivery_date >= now.delivery_date - {int(s.history_days)}
            group by all
        ),
        share_history as (
            select now.source, now.dataset, now.delivery_date, now.column_name, count(*) as earlier
            from share_days as now
            join share_days as past
                on now.source = past.source and now.dataset = past.dataset and now.column_name = past.column_name
                and past.delivery_date < now.delivery_date
                and past.delivery_date >= now.delivery_date - {int(s.history_days)}
            group by all
            having count(*) >= {s.min_deliveries}
        ),
        share_distances as (
            select
                history.source, history.dataset, history.delivery_date, history.column_name,
                sum(abs(coalesce(now.share, 0) - coalesce(past.share, 0) / history.earlier)) / 2 as distance
            from share_history as history
            join usual_shares as past using (source, dataset, delivery_date, column_name)
            left join shares as now
                on now.source = past.source and now.dataset = past.dataset and now.column_name = past.column_name
                and now.delivery_date = past.delivery_date and now.choice = past.choice
            group by history.source, history.dataset, history.delivery_date, history.column_name
        ),
        new_choices as (
            select now.source, now.dataset, now.delivery_date, now.column_name, sum(now.share) / 2 as distance
            from shares as now
            join share_history using (source, dataset, delivery_date, column_name)
            anti join usual_shares as past
                on now.source = past.source and now.dataset = past.dataset and now.column_name = past.column_name
                and now.delivery_date = past.delivery_date and now.choice = past.choice
            group by all
        ),
        shifted as (
            select
                days.source, days.dataset, days.delivery_date, days.column_name, 'share_shift' as finding, days.rows,
                0.0 as expected, distances.distance + coalesce(new_choices.distance, 0) as found,
                true as is_beyond_chance, distances.distance + coalesce(new_choices.distance, 0) as distance
            from share_days as days
            join share_distances as distances using (source, dataset, delivery_date, column_name)
            left join new_choices using (source, dataset, delivery_date, column_name)
        ),
        all_measured as (
            select * from measured union all by name select * from trends union all by name select * from shifted
        )
        select m.source, m.dataset, m.delivery_date, m.finding, m.column_name, m.rows, m.expected, m.found
        from all_measured as m
        join drift_rules as rule
            on rule.finding = m.finding
            and rule.source in ('', m.source) and rule.dataset in ('', m.dataset)
            and rule.column_name in ('', coalesce(m.column_name, ''))
            and rule.valid_from <= m.delivery_date
        qualify
            row_number() over (
                partition by m.source, m.dataset, m.delivery_date, m.finding, m.column_name
                order by
                    rule.column_name <> '' desc, rule.dataset <> '' desc, rule.source <> '' desc, rule.valid_from desc
            ) = 1
            and m.is_beyond_chance and m.distance > rule.threshold"""


RENAMED_SQL = """
    with written as (
        select distinct
            source, dataset, delivery_date, file, rows::bigint as rows,
            entry.key as header, entry.value as column_name, lower(trim(entry.key)) as folded
        from (
            select source, dataset, delivery_date, file, rows, unnest(map_entries(columns_mapped)) as entry
            from raw.files
            where status = 'read' and source is not null
        )
    ),
    first_written as (
        select source, dataset, column_name, folded, min(delivery_date) as since
        from written
        group by all
    ),
    began as (select source, dataset, column_name, min(since) as since from first_written group by all),
    renamed as (
        select written.*
        from written
        join first_written using (source, dataset, column_name, folded)
        join began using (source, dataset, column_name)
        where first_written.since = written.delivery_date and began.since < written.delivery_date
    ),
    -- Only for what is renamed: every delivery against all before it would be the square of the history.
    before as (
        select
            now.source, now.dataset, now.delivery_date, now.column_name,
            arg_max(past.header, (past.delivery_date, past.file, past.header)) as header
        from (select distinct source, dataset, delivery_date, column_name from renamed) as now
        join written as past
            on now.source = past.source and now.dataset = past.dataset and now.column_name = past.column_name
            and past.delivery_date < now.delivery_date
        group by all
    )
    select
        renamed.source, renamed.dataset, renamed.delivery_date, renamed.file, 'renamed_column' as finding,
        renamed.column_name, concat(before.header, ' → ', renamed.header) as value, renamed.rows
    from renamed
    join before using (source, dataset, delivery_date, column_name)"""
