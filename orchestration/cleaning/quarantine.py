"""Bad rows and bad files, whole, with their reasons.

What belongs here: keeping what was set aside, and saying when a later delivery has made it good. What does not:
finding the faults (`conform.py` for rows, ingestion for files).
"""

import duckdb

from data_quality.contract import Contract
from orchestration.database import identifier, table_exists

_CREATE = """
    create table if not exists clean.rejected_rows (
        source varchar, dataset varchar, delivery_date date, file varchar, line_number bigint, record_key varchar,
        reasons varchar[], row_content map(varchar, varchar), amount decimal(38, 4), released boolean
    )"""


def record(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Write the faulty rows of one dataset to `clean.rejected_rows`.

    `clean.rejected_rows(source, dataset, delivery_date, file, line_number, record_key, reasons, row_content, amount,
    released)`: one row per faulty row. `released` says that a good row with the same key came later (delivery date,
    file name, line); a row whose key cannot be read stays as it is. Reads `conformed_rows` and `conformed_files`.
    """
    amount = f"coalesce({identifier(contract.amount)}, 0)" if contract.amount else "0"
    con.execute(_CREATE)
    con.execute("delete from clean.rejected_rows where source = ? and dataset = ?", [contract.source, contract.dataset])
    con.execute(
        f"""
        insert into clean.rejected_rows
        with faulty as (
            select file_id, _line, record_key, reasons, row_content, {amount} as amount
            from conformed_rows
            where reasons is not null
        ),
        newest_good as (
            select record_key, max((file_id, _line)) as place
            from conformed_rows
            where reasons is null and record_key in (select record_key from faulty)
            group by record_key
        )
        select
            $1, $2, files._delivery_date, files._file, faulty._line, faulty.record_key, faulty.reasons,
            faulty.row_content, faulty.amount,
            coalesce(newest_good.place > (faulty.file_id, faulty._line), false)
        from faulty
        join conformed_files as files on faulty.file_id = files.file_id
        left join newest_good on faulty.record_key = newest_good.record_key""",
        [contract.source, contract.dataset],
    )


def build(con: duckdb.DuckDBPyConnection) -> int:
    """Create or replace `quality.quarantine`; give the number of its open entries.

    One row per bad row (`level` `row`) or bad file (`level` `file`, `line_number` NULL, one reason, content empty).
    `status` is `released` when a later good row has the key, or a good file of the same name came for the same dataset
    on a later date or lies at the same path; else `open`. A file of no known source, dataset or date has NULL there.
    `row_content` holds personal data: it is never published.
    """
    con.execute(_CREATE)
    bad_files = _BAD_FILES if table_exists(con, "raw", "files") else "select * from clean.rejected_rows where false"
    con.execute(f"""
        create or replace table quality.quarantine as
        with bad_files as ({bad_files}),
        entries as (
            select
                source, dataset, delivery_date, file, line_number, 'row' as level, reasons, row_content, amount,
                released
            from clean.rejected_rows
            union all
            select
                source, dataset, delivery_date, file, line_number, 'file' as level, reasons, row_content, amount,
                released
            from bad_files
        )
        select
            source, dataset, delivery_date, file, line_number, level, reasons, row_content, amount,
            case when released then 'released' else 'open' end as status
        from entries
        order by delivery_date, source, dataset, file, line_number nulls first""")
    counted = con.execute("select count(*) from quality.quarantine where status = 'open'").fetchone()
    return int(counted[0]) if counted else 0


_BAD_FILES = """
    with files as (select *, parse_filename(file) as file_name from raw.files)
    select
        bad.source, bad.dataset, bad.delivery_date, bad.file, null::bigint as line_number,
        [coalesce(bad.reason, 'unreadable')] as reasons,
        map([]::varchar[], []::varchar[]) as row_content,
        0::decimal(38, 4) as amount,
        coalesce(bool_or(
            good.file = bad.file
            or (good.source = bad.source and good.dataset = bad.dataset and good.delivery_date > bad.delivery_date)
        ), false) as released
    from files as bad
    left join files as good on good.status = 'read' and good.file_name = bad.file_name
    where bad.status = 'quarantined'
    group by all"""
