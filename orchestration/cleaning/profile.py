"""What each delivery's columns look like, in figures without a value of a person: the history that drift is told by.

What belongs here: counting. What does not: what is unusual (`drift.py`) or good enough (`scorecard.py`).

A delivery is counted once: as long as its files, its contract, the rules of reading and the decisions about its rows
stay, its figures are kept.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

from data_quality.contract import Column, Contract
from orchestration.database import identifier, literal, table_exists

_CREATE = """
    create table if not exists clean.field_profiles (
        source varchar, dataset varchar, delivery_date date, column_name varchar, signature varchar, rows bigint,
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
    con.execute(_CREATE)


def record(con: duckdb.DuckDBPyConnection, contract: Contract, policy_dir: Path | None = None) -> int:
    """Bring `clean.field_profiles` up to date for one dataset; give the number of deliveries counted now.

    `clean.field_profiles(source, dataset, delivery_date, column_name, signature, rows, filled, unreadable, unknown,
    faulty, numbers, distinct_values, mean, deviation, shares)`: one row per delivery and contract column. `filled` are
    values that could be read, `unreadable` those that could not, `unknown` those outside a list, `faulty` rows that
    any rule on a given value of the column sent to quarantine. `mean` and `deviation` are those of a number, of the
    length of a text, or of the days between a date and its delivery; `numbers` are texts that are numbers; `shares`
    counts the rows by choice, or for the column that dates the row by days until its delivery. Reads `conformed_rows`
    and `conformed_files`.
    """
    create(con)
    dataset = [contract.source, contract.dataset]
    con.execute(f"create or replace temp table deliveries_now as {_signatures(con, contract, policy_dir)}")
    con.execute(
        """
        delete from clean.field_profiles as kept
        where source = $1 and dataset = $2
            and not exists (
                from deliveries_now as now
                where now.delivery_date = kept.delivery_date and now.signature = kept.signature
            )""",
        dataset,
    )
    con.execute(
        """
        create or replace temp table deliveries_new as
        select * from deliveries_now
        where delivery_date not in (
            select delivery_date from clean.field_profiles where source = $1 and dataset = $2
        )""",
        dataset,
    )
    counted = con.execute("select count(*) from deliveries_new").fetchone()
    if counted and counted[0]:
        con.execute(_profile_sql(contract), dataset)
    con.execute("drop table deliveries_now")
    con.execute("drop table deliveries_new")
    return int(counted[0]) if counted else 0


def _signatures(con: duckdb.DuckDBPyConnection, contract: Contract, policy_dir: Path | None) -> str:
    """SQL of `delivery_date, signature`: what the figures of a delivery depend on."""
    rules = contract.model_dump_json()
    if policy_dir is not None:
        rules += (policy_dir / "null_tokens.csv").read_text(encoding="utf-8-sig")
    digest = hashlib.sha256(rules.encode()).hexdigest()[:16]
    if not table_exists(con, "raw", "files"):
        return f"select distinct _delivery_date as delivery_date, {literal(digest)} as signature from conformed_files"
    # The same file reads otherwise once a person has released or corrected some of it.
    return f"""
        with read as (
            select file_id, sum(hash(content, reasons)::hugeint) as checksum from conformed_rows group by file_id
        )
        select
            delivered._delivery_date as delivery_date,
            {literal(digest)} || md5(string_agg(
                concat(delivered._file, files.sha256, read.checksum), ',' order by delivered._file
            )) as signature
        from conformed_files as delivered
        left join read on delivered.file_id = read.file_id
        left join (select file, arg_max(sha256, ingested_at) as sha256 from raw.files group by file) as files
            on delivered._file = files.file
        group by delivered._delivery_date"""


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
        return _Figures("null::bigint", f"avg({value}::double)", f"stddev_pop({value}::double)", none)
    if column.type in _DAYS:
        lag = f"date_diff('day', {value}::date, rows.delivery_date)"
        capped = f"least(greatest({lag}, 0), {_LONGEST_LAG})"
        shares = f"histogram({capped}::varchar)" if name == contract.business_time else none
        return _Figures("null::bigint", f"avg({lag})", f"stddev_pop({lag})", shares)
    length = f"length({value})"
    return _Figures(f"count(try_cast({value} as double))", f"avg({length})", f"stddev_pop({length})", none)


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
            select rows.*, new.delivery_date, new.signature
            from conformed_rows as rows
            join conformed_files as files using (file_id)
            join deliveries_new as new on files._delivery_date = new.delivery_date
        ),
        counted as (
            select delivery_date, signature, count(*) as row_count, {", ".join(aggregates)}
            from delivered as rows
            group by delivery_date, signature
        ),
        by_column as (
            select delivery_date, signature, row_count, unnest([{", ".join(entries)}]) as field from counted
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
            $1, $2, by_column.delivery_date, field.column_name, signature, row_count,
            field.filled,
            coalesce(faults.unreadable, 0),
            coalesce(faults.unknown, 0) + coalesce(unknown.unknown, 0),
            coalesce(faults.faulty, 0),
            field.numbers, field.distinct_values, field.mean, field.deviation, field.shares
        from by_column
        left join faults on by_column.delivery_date = faults.delivery_date and field.column_name = faults.column_name
        left join unknown
            on by_column.delivery_date = unknown.delivery_date and field.column_name = unknown.column_name"""
