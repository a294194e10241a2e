"""Differences between what a contract promises and what came, which fail no row.

What belongs here: new and missing columns, headers that two columns claim, unknown values of optional enums. What does
not: faults that send a row to quarantine.
"""

from collections.abc import Iterable

import duckdb

from data_quality.contract import Contract
from orchestration.database import table_exists

_CREATE = """
    create table if not exists clean.unknown_values (
        source varchar, dataset varchar, delivery_date date, file varchar, column_name varchar, value varchar,
        rows bigint
    )"""

# A value that looks like contact data, or is too long to be the name of a choice, is counted and not shown.
_SHOWN = "length(value) <= 40 and not contains(value, '@') and not regexp_matches(value, '[0-9]{5}')"


def record(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Write the unknown enum values of one dataset to `clean.unknown_values`.

    `clean.unknown_values(source, dataset, delivery_date, file, column_name, value, rows)`: one row per file, column and
    delivered value; `value` is NULL where it could be personal data. Reads `conformed_rows` and `conformed_files`.
    """
    personal = [name for name, column in contract.columns.items() if column.personal]
    con.execute(_CREATE)
    con.execute(
        "delete from clean.unknown_values where source = ? and dataset = ?", [contract.source, contract.dataset]
    )
    con.execute(
        f"""
        insert into clean.unknown_values
        with unknown as (
            select rows.file_id, unnest(map_entries(rows.unknown)) as entry
            from conformed_rows as rows
            where rows.unknown is not null and rows.reasons is null
        ),
        named as (select file_id, entry.key as column_name, entry.value as value from unknown)
        select
            $1, $2, files._delivery_date, files._file, column_name,
            case when {_SHOWN} and not list_contains($3::varchar[], column_name) then value end, count(*)
        from named
        join conformed_files as files using (file_id)
        group by all""",
        [contract.source, contract.dataset, personal],
    )


def build(con: duckdb.DuckDBPyConnection, contracts: Iterable[Contract]) -> int:
    """Create or replace `quality.drift`; give the number of findings.

    `quality.drift(source, dataset, delivery_date, file, finding, column_name, value, rows)`: one row per finding;
    `finding` is `new_column` (a header no contract column claims), `shadowed_column` (a header that means a column
    which another header of the file already gives), `missing_column` (a promised column that is not there) or
    `unknown_value` (a value outside an optional enum, loaded as NULL). `column_name` is the header for the first two
    and NULL where it could be personal data, `value` also where a person is called so: columns that slipped put names
    among the choices. `rows` are the rows of the file, or those with the value.
    """
    con.execute(_CREATE)
    con.execute("create or replace temp table shadowed_headers (source varchar, dataset varchar, header varchar)")
    columns = "select * from values_found where false"
    if table_exists(con, "raw", "files"):
        columns = _COLUMNS
        _find_shadowed(con, contracts)
    con.execute(f"""
        create or replace table quality.drift as
        with values_found as (
            select
                source, dataset, delivery_date, file, 'unknown_value' as finding, column_name,
                {_value_shown(con)} as value, sum(rows)::bigint as rows
            from clean.unknown_values
            group by all
        ),
        columns_found as ({columns})
        select * from values_found
        union all
        select * from columns_found
        order by all""")
    con.execute("drop table shadowed_headers")
    counted = con.execute("select count(*) from quality.drift").fetchone()
    return int(counted[0]) if counted else 0


def _value_shown(con: duckdb.DuckDBPyConnection) -> str:
    """SQL of an unknown value that is NULL where some delivered record gives it as a person's name."""
    if not table_exists(con, "clean", "names"):
        return "value"
    return """case
                    when value not in (select names.value from clean.names as names where names.value is not null)
                        then value
                end"""


def _find_shadowed(con: duckdb.DuckDBPyConnection, contracts: Iterable[Contract]) -> None:
    """Fill `shadowed_headers`: undeclared headers that the contract does know, so another header came first."""
    by_dataset = {(contract.source, contract.dataset): contract for contract in contracts}
    headers = con.execute(
        "select distinct source, dataset, unnest(columns_unknown) from raw.files where source is not null"
    ).fetchall()
    shadowed = [
        (source, dataset, header)
        for source, dataset, header in headers
        if (contract := by_dataset.get((source, dataset))) and contract.column_of_header(header)
    ]
    if shadowed:
        con.executemany("insert into shadowed_headers values (?, ?, ?)", shadowed)


_COLUMNS = f"""
    select
        headers.source, headers.dataset, headers.delivery_date, headers.file,
        case when shadowed.header is not null then 'shadowed_column' else 'new_column' end as finding,
        case when {_SHOWN.replace("value", "headers.value")} then headers.value end as column_name,
        null::varchar as value, headers.rows
    from (
        select source, dataset, delivery_date, file, unnest(columns_unknown) as value, rows::bigint as rows
        from raw.files
    ) as headers
    left join shadowed_headers as shadowed
        on headers.source = shadowed.source and headers.dataset = shadowed.dataset and headers.value = shadowed.header
    union all
    select source, dataset, delivery_date, file, 'missing_column', unnest(columns_missing), null, rows::bigint
    from raw.files"""
