"""What each delivery's columns look like, in figures without a value of a person: the history that drift is told by.

What belongs here: counting. What does not: what is unusual (`drift.py`) or good enough (`scorecard.py`).

A delivery is counted when it is cleaned, so its figures are kept as long as it is not due.
"""

from dataclasses import dataclass

import duckdb

from data_quality.contract import Column, Contract
from orchestration.cleaning.due import Due
from orchestration.database import column_names, identifier, literal

_CREATE = """
    create table if not exists clean.field_profiles (
        source varchar, dataset varchar, delivery_date date, column_name varchar, rows bigint,
        filled bigint, unreadable bigint, unknown bigint, faulty bigint, numbers bigint, distinct_values bigint,
        mean double, deviation double, shares map(varchar, bigint)
    )"""

# Rows later than this are counted together; a lag in days is the key of a share.
_LONGEST_LAG = 400
_NUMBERS = {"decimal", "integer"}
_DAYS = {"date", "timestamp"}
_CHOICES = {"enum", "boolean"}


def create(con: duckdb.DuckDBPyConnection) -> None:
    """Create `clean.field_profiles` where it is not."""
    if "signature" in column_names(con, "clean", "field_profiles"):
        # Of an earlier release; the next refresh counts every delivery anew.
        con.execute("drop table clean.field_profiles")
    con.execute(_CREATE)


def record(con: duckdb.DuckDBPyConnection, contract: Contract, due: Due) -> None:
    """Count the deliveries of one dataset that are due in `clean.field_profiles`.

    `clean.field_profiles(source, dataset, delivery_date, column_name, rows, filled, unreadable, unknown, faulty,
    numbers, distinct_values, mean, deviation, shares)`: one row per delivery and contract column. `filled` are
    values that could be read, `unreadable` those that could not, `unknown` those outside a list, `faulty` rows that
    any rule on a given value of the column sent to quarantine. `mean` and `deviation` are those of a number, of the
    length of a text, or of the days between a date and its delivery; `numbers` are texts that are numbers; `shares`
    counts the rows by choice, or for the column that dates the row by days until its delivery. Reads `conformed_rows`
    and `conformed_files`.
    """
    create(con)
    dataset = [contract.source, contract.dataset]
    con.execute(
        f"delete from clean.field_profiles where source = $1 and dataset = $2 and {due.holds('delivery_date')}", dataset
    )
    con.execute(_profile_sql(contract), dataset)


@dataclass(frozen=True)
class _Figures:
    """SQL of the figures of one column that its type decides."""

    numbers: str
    mean: str
    deviation: str
    shares: str


def _figures(contract: Contract, name: str, column: Column) -> _Figures:
    value = f"rows.{identifier(name)}"
    none = "null::map(varchar, bigint)"
    if column.type in _CHOICES:
        return _Figures("null::bigint", "null::double", "null::double", f"histogram({value}::varchar)")
    if column.type in _NUMBERS:
        # Sums of doubles depend on the order of the rows in their last digits; seven digits do not.
        deviation = f"cast(cast(stddev_pop({value}::double) as float) as double)"
        return _Figures("null::bigint", f"avg({value})", deviation, none)
    if column.type in _DAYS:
        lag = f"date_diff('day', {value}::date, rows.delivery_date)"
        capped = f"least(greatest({lag}, 0), {_LONGEST_LAG})"
        shares = f"cast(histogram({capped}) as map(varchar, bigint))" if name == contract.business_time else none
        return _Figures("null::bigint", f"avg({lag})", _deviation(lag), shares)
    length = f"length({value})"
    # A cast that fails costs more than an automaton that finds the few it is worth trying.
    number = f"try_cast(case when regexp_full_match({value}, '[-+]?[0-9.][-+0-9.eE]*') then {value} end as double)"
    return _Figures(f"count({number})", f"avg({length})", _deviation(length), none)


def _deviation(whole_number: str) -> str:
    """SQL of the population deviation of whole numbers, exact until the root, whatever the order of the rows."""
    squares, total, rows = (
        f"sum({what})::hugeint"
        for what in (f"{whole_number} * {whole_number}", whole_number, f"({whole_number} is not null)::int")
    )
    return f"sqrt(({rows} * {squares} - {total} * {total})::double) / nullif({rows}, 0)"


def _profile_sql(contract: Contract) -> str:
    aggregates: list[str] = []
    entries: list[str] = []
    for number, (name, column) in enumerate(contract.columns.items()):
        figures = _figures(contract, name, column)
        value = f"rows.{identifier(name)}"
        aggregates += [
            f"count({value}) as filled_{number}",
            f"approx_count_distinct({value}) as distinct_{number}",
            f"{figures.numbers} as numbers_{number}",
            f"{figures.mean} as mean_{number}",
            f"{figures.deviation} as deviation_{number}",
            f"{figures.shares} as shares_{number}",
        ]
        entries.append(
            f"{{'column_name': {literal(name)}, 'filled': filled_{number}, 'distinct_values': distinct_{number}, "
            f"'numbers': numbers_{number}, 'mean': mean_{number}, 'deviation': deviation_{number}, "
            f"'shares': shares_{number}}}"
        )
    return f"""
        insert into clean.field_profiles
        with delivered as (
            select rows.*, files._delivery_date as delivery_date
            from conformed_rows as rows
            join conformed_files as files using (file_id)
        ),
        counted as (
            select delivery_date, count(*) as row_count, {", ".join(aggregates)}
            from delivered as rows
            group by delivery_date
        ),
        by_column as (
            select delivery_date, row_count, unnest([{", ".join(entries)}]) as field from counted
        ),
        faults as (
            select
                delivery_date,
                split_part(reason, ':', 2) as column_name,
                count(*) filter (reason like 'unreadable:%') as unreadable,
                count(*) filter (reason like 'unknown_value:%') as unknown,
                count(*) filter (reason not like 'missing:%') as faulty
            from (select delivery_date, unnest(reasons) as reason from delivered where reasons is not null)
            group by all
        ),
        unknown as (
            select delivery_date, column_name, count(*) as unknown
            from (
                select delivery_date, unnest(map_keys(unknown)) as column_name
                from delivered where unknown is not null
            )
            group by all
        )
        select
            $1, $2, by_column.delivery_date, field.column_name, row_count,
            field.filled,
            coalesce(faults.unreadable, 0),
            coalesce(faults.unknown, 0) + coalesce(unknown.unknown, 0),
            coalesce(faults.faulty, 0),
            field.numbers, field.distinct_values, field.mean, field.deviation, field.shares
        from by_column
        left join faults on by_column.delivery_date = faults.delivery_date and field.column_name = faults.column_name
        left join unknown
            on by_column.delivery_date = unknown.delivery_date and field.column_name = unknown.column_name"""
