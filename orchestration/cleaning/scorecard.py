"""How good the data is, day by day: completeness, validity, timeliness, uniqueness, consistency.

What belongs here: measuring each field of each delivery, and setting it beside its target and its past. What does not:
the targets (`seeds/policy/scorecard_targets.csv`), and single values (`quarantine.py`, `doubtful_values.py`).

    completeness   rows in which the field is given                                         of all rows
    validity       given values that can be read, are in range and mean something           of those given
    timeliness     rows that came within `late_after_days` of the day they tell of          of the rows with a day
    uniqueness     rows that are the first to say what they say                             of the good rows
    consistency    rows whose columns agree, or whose reference names somebody delivered    of those that have one
"""

from collections.abc import Iterable, Sequence

import duckdb
import pyarrow as pa

from data_quality.contract import Contract
from orchestration.cleaning.scorecard_policy import ScoreTarget
from orchestration.database import identifier, literal, table_exists

# What each dictionary says of a value that was given and is of no use.
_USELESS = {
    "phone": ("phones", "dictionary.kind in ('invalid', 'placeholder')"),
    "email": ("emails", "dictionary.email is null"),
    "name": ("names", "dictionary.kind = 'empty'"),
}


def build(con: duckdb.DuckDBPyConnection, contracts: Iterable[Contract], targets: Sequence[ScoreTarget]) -> int:
    """Create or replace `quality.scorecard`; give the number of red scores of each dataset's newest delivery.

    `quality.scorecard(day, source, dataset, field, dimension, value, rows_checked, rows_failing, yellow_below,
    red_below, status, previous_value, usual_value, trend, owner, is_newest)`: one row per delivery day, source,
    dataset, field and dimension; `field` is NULL where the whole row is meant. `value` is a share of 0 to 1, `status`
    `green`, `yellow` or `red`, `usual_value` the mean of up to seven deliveries before, `trend` `up`, `down` or
    `steady` against it, NULL for the first. Reads `clean.field_profiles`, so past days are not counted again.
    """
    contracts = list(contracts)
    _register(con, contracts, targets)
    parts = [_FROM_PROFILES]
    if table_exists(con, "quality", "deliveries"):
        parts.append(_UNIQUENESS)
    for contract in contracts:
        if table_exists(con, "clean", contract.table):
            parts += _dictionary_validity(con, contract)
            parts += _references(con, contract)
        parts += [_row_rule(contract, rule.code, rule.column) for rule in contract.row_rules]
    con.execute(_SCORECARD.format(measured=" union all by name ".join(f"select * from ({part})" for part in parts)))
    con.unregister("contract_fields")
    con.unregister("score_targets")
    counted = con.execute("select count(*) from quality.scorecard where status = 'red' and is_newest").fetchone()
    return int(counted[0]) if counted else 0


def _register(con: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], targets: Sequence[ScoreTarget]) -> None:
    fields = [(c, name, column) for c in contracts for name, column in c.columns.items()]
    con.register(
        "contract_fields",
        pa.table(
            {
                "source": [c.source for c, _, _ in fields],
                "dataset": [c.dataset for c, _, _ in fields],
                "field": [name for _, name, _ in fields],
                "is_strict": [name in c.required or k.unknown_value == "quarantine" for c, name, k in fields],
                "is_business_time": [name == c.business_time for c, name, _ in fields],
                "has_dictionary": [k.type in _USELESS for _, _, k in fields],
            }
        ),
    )
    con.register(
        "score_targets",
        pa.table(
            {
                **{
                    name: pa.array([getattr(t, name) for t in targets], pa.string())
                    for name in ("dimension", "source", "dataset", "field", "owner")
                },
                **{
                    name: pa.array([getattr(t, name) for t in targets], pa.float64())
                    for name in ("yellow_below", "red_below", "steady_within")
                },
                "late_after_days": pa.array([t.late_after_days for t in targets], pa.int64()),
                "valid_from": pa.array([t.valid_from for t in targets], pa.date32()),
            }
        ),
    )


# The lags are given by the day; the targets say from which on a row is late.
_FROM_PROFILES = """
    with profiles as (
        select
            profiles.*, fields.is_strict, fields.is_business_time, fields.has_dictionary,
            profiles.filled + profiles.unreadable + profiles.unknown as given
        from clean.field_profiles as profiles
        join contract_fields as fields
            on profiles.source = fields.source and profiles.dataset = fields.dataset
            and profiles.column_name = fields.field
    ),
    lags as (
        select source, dataset, delivery_date, unnest(map_entries(shares)) as lag
        from profiles where is_business_time
    ),
    timely as (
        select
            lags.source, lags.dataset, lags.delivery_date, lags.lag.value as rows, lags.lag.key::bigint as days,
            targets.late_after_days
        from lags
        join score_targets as targets
            on targets.dimension = 'timeliness'
            and targets.source in ('', lags.source) and targets.dataset in ('', lags.dataset)
            and targets.valid_from <= lags.delivery_date
        qualify rank() over (
            partition by lags.source, lags.dataset, lags.delivery_date, lags.lag.key
            order by targets.dataset <> '' desc, targets.source <> '' desc, targets.valid_from desc
        ) = 1
    )
    select
        delivery_date as day, source, dataset, column_name as field, 'completeness' as dimension, rows as rows_checked,
        rows - given as rows_failing
    from profiles
    union all
    select
        delivery_date, source, dataset, column_name, 'validity', given,
        least(given, faulty + case when is_strict then 0 else unknown end)
    from profiles
    where given > 0 and not has_dictionary
    union all
    select
        delivery_date, source, dataset, null, 'timeliness', sum(rows)::bigint,
        coalesce(sum(rows) filter (days > late_after_days), 0)::bigint
    from timely
    group by all"""

_UNIQUENESS = """
    select
        delivery_date as day, source, dataset, null::varchar as field, 'uniqueness' as dimension,
        rows_loaded + rows_repeated + rows_superseded as rows_checked, rows_repeated as rows_failing
    from quality.deliveries
    where source is not null and dataset is not null and delivery_date is not null
        and rows_loaded + rows_repeated + rows_superseded > 0"""


def _named(contract: Contract, field: str, dimension: str) -> str:
    return (
        f"rows._delivery_date as day, {literal(contract.source)} as source, {literal(contract.dataset)} as dataset, "
        f"{literal(field)} as field, {literal(dimension)} as dimension"
    )


def _dictionary_validity(con: duckdb.DuckDBPyConnection, contract: Contract) -> list[str]:
    """Validity of numbers, mailboxes and names, as the dictionaries read them; of the loaded rows."""
    parts = []
    for name, column in contract.columns.items():
        if column.type in _USELESS:
            dictionary, useless = _USELESS[column.type]
            if table_exists(con, "clean", dictionary):
                parts.append(
                    f"select {_named(contract, name, 'validity')}, count(*) as rows_checked, "
                    f"count(*) filter ({useless}) as rows_failing "
                    f"from clean.{identifier(contract.table)} as rows "
                    f"join clean.{dictionary} as dictionary on rows.{identifier(name)} = dictionary.value "
                    "group by rows._delivery_date"
                )
    return parts


def _references(con: duckdb.DuckDBPyConnection, contract: Contract) -> list[str]:
    """Consistency of references: ids that name a record which was delivered, among those given."""
    parts = []
    for name, column in contract.columns.items():
        if column.refers_to is None:
            continue
        target = column.refers_to.replace("/", "_")
        if table_exists(con, "clean", target):
            parts.append(
                f"select {_named(contract, name, 'consistency')}, count(*) as rows_checked, "
                "count(*) filter (target.record_key is null) as rows_failing "
                f"from clean.{identifier(contract.table)} as rows "
                f"left join clean.{identifier(target)} as target on rows.{identifier(name)} = target.record_key "
                f"where rows.{identifier(name)} is not null group by rows._delivery_date"
            )
    return parts


def _row_rule(contract: Contract, code: str, column: str) -> str:
    """Consistency of two columns: rows that a rule between them did not send to quarantine."""
    of_dataset = f"source = {literal(contract.source)} and dataset = {literal(contract.dataset)}"
    return f"""
        select
            profiles.delivery_date as day, {literal(contract.source)} as source, {literal(contract.dataset)} as dataset,
            {literal(column)} as field, 'consistency' as dimension, profiles.filled as rows_checked,
            coalesce(broken.rows, 0) as rows_failing
        from clean.field_profiles as profiles
        left join (
            select delivery_date, count(*) as rows from clean.rejected_rows
            where {of_dataset} and list_contains(reasons, {literal(code)})
            group by delivery_date
        ) as broken on profiles.delivery_date = broken.delivery_date
        where {of_dataset} and profiles.column_name = {literal(column)} and profiles.filled > 0"""


_SCORECARD = """
    create or replace table quality.scorecard as
    with measured as ({measured}),
    -- A field that two rules look at has one score: all that fails, of the most that was looked at.
    scored as (
        select
            day, source, dataset, field, dimension, max(rows_checked)::bigint as rows_checked,
            least(sum(rows_failing), max(rows_checked))::bigint as rows_failing
        from measured
        where rows_checked > 0
        group by day, source, dataset, field, dimension
    ),
    valued as (select *, 1 - rows_failing / rows_checked as value from scored),
    targeted as (
        select valued.*, targets.yellow_below, targets.red_below, targets.steady_within, targets.owner
        from valued
        join score_targets as targets
            on targets.dimension = valued.dimension
            and targets.source in ('', valued.source) and targets.dataset in ('', valued.dataset)
            and targets.field in ('', coalesce(valued.field, '')) and targets.valid_from <= valued.day
        qualify row_number() over (
            partition by valued.day, valued.source, valued.dataset, valued.field, valued.dimension
            order by
                targets.field <> '' desc, targets.dataset <> '' desc, targets.source <> '' desc,
                targets.valid_from desc
        ) = 1
    ),
    compared as (
        select
            *,
            lag(value) over (partition by source, dataset, field, dimension order by day) as previous_value,
            avg(value) over (
                partition by source, dataset, field, dimension order by day
                rows between 7 preceding and 1 preceding
            ) as usual_value
        from targeted
    )
    select
        day, source, dataset, field, dimension, value::decimal(9, 6) as value, rows_checked, rows_failing,
        yellow_below::decimal(9, 6) as yellow_below, red_below::decimal(9, 6) as red_below,
        case when value < red_below then 'red' when value < yellow_below then 'yellow' else 'green' end as status,
        previous_value::decimal(9, 6) as previous_value, usual_value::decimal(9, 6) as usual_value,
        case
            when usual_value is null then null
            when value > usual_value + steady_within then 'up'
            when value < usual_value - steady_within then 'down'
            else 'steady'
        end as trend,
        owner, day = max(day) over (partition by source, dataset) as is_newest
    from compared
    order by day, source, dataset, field nulls first, dimension"""
