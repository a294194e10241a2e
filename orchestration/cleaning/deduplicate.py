"""One row per key: the newest delivery wins.

What belongs here: which good row of a key is loaded, what the others are called, and keeping both. What does not:
faults (`conform.py`), which deliveries are due (`due.py`) and sums (`ledger.py`).

Rows of a key are ordered by delivery date, file name (without its ending) and line. The newest row says what the
content is; the *loaded* row is the earliest one that holds it, so that a repetition moves nothing. Rows with the same
content are *repeated*, all others are *superseded*.
Content is every contract column outside the key as it would be loaded: `12.50` and `¥12.5` are the same content.
Undeclared columns do not count, or an export stamp would turn every repetition into a correction.

A key is decided anew when a delivery that is due holds it, or held it when it was cleaned last. What is kept is enough
to decide: the clean table holds the loaded rows, `clean.<table>_not_loaded` place and content of the others.
"""

from datetime import date

import duckdb

from data_quality.contract import Contract
from orchestration.cleaning.due import Due, other_table
from orchestration.database import identifier


def settle(con: duckdb.DuckDBPyConnection, contract: Contract, due: Due) -> None:
    """Say of every good row, new or kept, that is not alone with its key what becomes of it.

    Leaves three temporary tables:

    - `due_keys(record_key)`: the keys to decide anew; empty where everything is due;
    - `rivals(row, kept_row, was, record_key, content, file_id, _line)`: the kept rows of those keys whose deliveries
      are not due; `row` counts down from -1, `kept_row` is the `rowid` in the clean table where `was` is `loaded`, else
      in `clean.<table>_not_loaded`;
    - `contested_rows(row, outcome, first_delivered)`: `row` is the `rowid` of `conformed_rows`, or that of `rivals`;
      `outcome` is `loaded`, `repeated` or `superseded`, `first_delivered` the first delivery date that held the key.
      A new row that is alone with its key is not in it: it is loaded.
    """
    con.execute("create or replace temp table due_keys (record_key varchar)")
    con.execute("""
        create or replace temp table rivals (
            row bigint, kept_row bigint, was varchar, record_key varchar, content ubigint, file_id bigint, _line bigint
        )""")
    if not due.everything:
        _find_rivals(con, contract, due)
    # Most keys occur once. Counting 64-bit hashes finds the others with a fraction of the memory that text keys take;
    # a collision only sends a key to the exact comparison below.
    con.execute("""
        create or replace temp table contested_rows as
        with good as (
            select rowid as row, record_key, content, file_id, _line from conformed_rows where reasons is null
            union all
            select row, record_key, content, file_id, _line from rivals
        ),
        contested_hashes as (
            select hash(record_key) as key_hash from good group by all having count(*) > 1 or min(row) < 0
        ),
        placed as (
            select good.*, good.file_id * (1::bigint << 36) + coalesce(good._line, 0) as place
            from good
            semi join contested_hashes on hash(good.record_key) = contested_hashes.key_hash
        ),
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


def _find_rivals(con: duckdb.DuckDBPyConnection, contract: Contract, due: Due) -> None:
    loaded, others = f"clean.{identifier(contract.table)}", other_table(contract)
    content = ", ".join(identifier(name) for name in contract.columns if name not in contract.key) or "0"
    con.execute(f"""
        insert into due_keys
        select record_key from conformed_rows where record_key is not null
        union
        select record_key from {loaded} where {due.holds("_delivery_date")}
        union
        select record_key from {others} where {due.holds("_delivery_date")}""")
    con.execute(f"""
        insert into rivals
        with kept as (
            select rowid as kept_row, 'loaded' as was, record_key, hash({content}) as content, _file, _line
            from {loaded}
            where record_key in (select record_key from due_keys) and not {due.holds("_delivery_date")}
            union all
            select rowid, outcome, record_key, content, _file, _line
            from {others}
            where record_key in (select record_key from due_keys) and not {due.holds("_delivery_date")}
        )
        select
            -row_number() over (), kept.kept_row, kept.was, kept.record_key, kept.content, files.file_id, kept._line
        from kept
        join conformed_files as files on kept._file = files._file""")


def deliveries_to_read(con: duckdb.DuckDBPyConnection) -> list[date]:
    """Delivery dates that are not due and hold a row to load that was not: what stood for it is gone.

    Only the place and the content of such a row are kept; its values are in raw.
    """
    found = con.execute("""
        select distinct files._delivery_date
        from rivals
        join contested_rows as contested on rivals.row = contested.row
        join conformed_files as files on rivals.file_id = files.file_id
        where rivals.was <> 'loaded' and contested.outcome = 'loaded'""").fetchall()
    return [day for (day,) in found]


def load(con: duckdb.DuckDBPyConnection, contract: Contract, due: Due) -> None:
    """Bring `clean.<table>` and `clean.<table>_not_loaded` up to date with what `settle` found.

    `clean.<table>`: `record_key`, the contract columns, `_file`, `_line`, `_delivery_date` (of the loaded row) and
    `_first_delivered`. Grain: one row per key.
    `clean.<table>_not_loaded(record_key, content, outcome, amount, _file, _line, _delivery_date)`: one row per good row
    that is `repeated` or `superseded`.
    """
    loaded, others = f"clean.{identifier(contract.table)}", other_table(contract)
    if due.everything:
        con.execute(f"create or replace table {loaded} as {_new_rows(contract)}")
        con.execute(f"create or replace table {others} as {_new_others(contract)}")
        return
    amount = _amount(contract)
    con.execute("""
        create or replace temp table settled_rivals as
        select rivals.*, contested.outcome, contested.first_delivered
        from rivals join contested_rows as contested on rivals.row = contested.row""")
    con.execute(f"delete from {others} where {due.holds('_delivery_date')}")
    con.execute(f"""
        update {others} as kept set outcome = settled.outcome
        from settled_rivals as settled
        where kept.rowid = settled.kept_row and settled.was in ('repeated', 'superseded')
            and settled.was <> settled.outcome""")
    con.execute(f"""
        insert into {others}
        select
            kept.record_key, settled.content, settled.outcome, {amount} as amount, kept._file, kept._line,
            kept._delivery_date
        from {loaded} as kept join settled_rivals as settled on kept.rowid = settled.kept_row
        where settled.was = 'loaded' and settled.outcome <> 'loaded'""")
    con.execute(f"insert into {others} {_new_others(contract)}")
    con.execute(f"""
        update {loaded} as kept set _first_delivered = settled.first_delivered
        from settled_rivals as settled
        where kept.rowid = settled.kept_row and settled.was = 'loaded' and settled.outcome = 'loaded'
            and kept._first_delivered <> settled.first_delivered""")
    con.execute(f"""
        delete from {loaded}
        where {due.holds("_delivery_date")} or rowid in (
            select kept_row from settled_rivals where was = 'loaded' and outcome <> 'loaded'
        )""")
    con.execute(f"insert into {loaded} {_new_rows(contract)}")
    con.execute("drop table temp.settled_rivals")


def _new_rows(contract: Contract) -> str:
    """SQL of the new rows to load, in the columns of the clean table."""
    columns = ", ".join(f"rows.{identifier(name)}" for name in contract.columns)
    return f"""
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
        where rows.reasons is null and coalesce(contested.outcome, 'loaded') = 'loaded'"""


def _new_others(contract: Contract) -> str:
    """SQL of the new good rows that are not loaded, in the columns of `clean.<table>_not_loaded`."""
    return f"""
        select
            rows.record_key, rows.content, contested.outcome, {_amount(contract)} as amount, files._file, rows._line,
            files._delivery_date
        from conformed_rows as rows
        join contested_rows as contested on rows.rowid = contested.row
        join conformed_files as files on rows.file_id = files.file_id
        where contested.outcome <> 'loaded'"""


def _amount(contract: Contract) -> str:
    """SQL of the amount of a row, 0 where it has none."""
    return f"cast({f'coalesce({identifier(contract.amount)}, 0)' if contract.amount else '0'} as decimal(18, 4))"
