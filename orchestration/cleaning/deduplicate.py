"""One row per key: the newest delivery wins.

What belongs here: which good row of a key is loaded, and what the others are called. What does not:
faults (`conform.py`) and sums (`ledger.py`).

Rows of a key are ordered by delivery date, file name (without its ending) and line. The newest row says what the
content is; the *loaded* row is the earliest one that holds it, so that a repetition moves nothing. Rows with the same
content are *repeated*, all others are *superseded*.
Content is every contract column outside the key as it would be loaded: `12.50` and `¥12.5` are the same content.
Undeclared columns do not count, or an export stamp would turn every repetition into a correction.
"""

import duckdb

from data_quality.contract import Contract
from orchestration.database import identifier


def settle(con: duckdb.DuckDBPyConnection) -> None:
    """Say of every good row in `conformed_rows` that is not alone with its key what becomes of it.

    Leaves the temporary table `contested_rows(row, outcome, first_delivered)`: `row` is the `rowid` of
    `conformed_rows`, `outcome` is `loaded`, `repeated` or `superseded`, `first_delivered` the first delivery date that
    held the key. Rows whose key occurs once are not in it: they are loaded.
    """
    # Most keys occur once. Counting 64-bit hashes finds the others with a fraction of the memory that text keys take;
    # a collision only sends a key to the exact comparison below.
    con.execute("""
        create or replace temp table contested_rows as
        with repeated_hashes as (
            select hash(record_key) as key_hash
            from conformed_rows
            where reasons is null
            group by all
            having count(*) > 1
        ),
        contested as (
            select rows.rowid as row, rows.record_key, rows.content, rows.file_id, rows._line
            from conformed_rows as rows
            semi join repeated_hashes on hash(rows.record_key) = repeated_hashes.key_hash
            where rows.reasons is null
        ),
        placed as (select *, file_id * (1::bigint << 36) + coalesce(_line, 0) as place from contested),
        newest as (
            select record_key, arg_max(content, place) as content, min(file_id) as first_file_id
            from placed
            group by record_key
        ),
        holders as (
            select placed.record_key, arg_min(placed.row, placed.place) as row
            from placed
            join newest on placed.record_key = newest.record_key and placed.content = newest.content
            group by placed.record_key
        )
        select
            placed.row,
            case
                when placed.row = holders.row then 'loaded'
                when placed.content = newest.content then 'repeated'
                else 'superseded'
            end as outcome,
            files._delivery_date as first_delivered
        from placed
        join newest on placed.record_key = newest.record_key
        join holders on placed.record_key = holders.record_key
        join conformed_files as files on files.file_id = newest.first_file_id""")


def load(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Create or replace `clean.<table>` from `conformed_rows` and `contested_rows`.

    Columns: `record_key`, the contract columns, `_file`, `_line`, `_delivery_date` (of the loaded row) and
    `_first_delivered`. Grain: one row per key.
    """
    columns = ", ".join(f"rows.{identifier(name)}" for name in contract.columns)
    con.execute(f"""
        create or replace table clean.{identifier(contract.table)} as
        select
            rows.record_key,
            {columns},
            files._file,
            rows._line,
            files._delivery_date,
            coalesce(contested.first_delivered, files._delivery_date) as _first_delivered
        from conformed_rows as rows
        join conformed_files as files on rows.file_id = files.file_id
        left join contested_rows as contested on rows.rowid = contested.row
        where rows.reasons is null and coalesce(contested.outcome, 'loaded') = 'loaded'""")
