"""Differences between what a contract promises and what came, which fail no row.

What belongs here: new and missing columns, headers that two columns claim, unknown values of optional enums. What does
not: faults that send a row to quarantine.
"""

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


def build(con: duckdb.DuckDBPyConnection) -> int:
    """Create or replace `quality.drift`; give the number of findings.

    `quality.drift(source, dataset, delivery_date, file, finding, column_name, value, rows)`: one row per finding;
    `finding` is `new_column` (a header no contract column claims), `missing_column` (a promised column that is not
    there; for required ones the file is in quarantine), `unknown_value` (a value outside an optional enum,
    loaded as NULL).
    `rows` are the rows of the file, or those with the value.
    """
    con.execute(_CREATE)
    columns = _COLUMNS if table_exists(con, "raw", "files") else "select * from values_found where false"
    con.execute(f"""
        create or replace table quality.drift as
        with values_found as (
            select source, dataset, delivery_date, file, 'unknown_value' as finding, column_name, value, rows
            from clean.unknown_values
        ),
        columns_found as ({columns})
        select * from values_found
        union all
        select * from columns_found
        order by all""")
    counted = con.execute("select count(*) from quality.drift").fetchone()
    return int(counted[0]) if counted else 0


_COLUMNS = """
    select source, dataset, delivery_date, file, 'new_column' as finding, unnest(columns_unknown) as column_name,
        null::varchar as value, rows::bigint as rows
    from raw.files
    union all
    select source, dataset, delivery_date, file, 'missing_column', unnest(columns_missing), null, rows::bigint
    from raw.files"""
