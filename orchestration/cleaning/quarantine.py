"""Bad rows and bad files, whole, with their reasons, and what became of them.

What belongs here: keeping what was set aside, and saying when a later delivery or a person has made it good. What does
not: finding the faults (`conform.py` for rows, ingestion for files), and reading what people decided (`releases.py`).

An entry never vanishes. What a corrected file replaces is no longer in raw, so such entries are remembered in
`<warehouse>/decisions/released_entries.parquet`.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from data_quality.contract import Contract
from orchestration.cleaning.due import Due
from orchestration.cleaning.releases import EntryDecision, entry_id_sql, read_decisions
from orchestration.database import column_names, identifier, literal, parquet, table_exists
from orchestration.settings import Settings

MEMORY_FILE = "released_entries.parquet"

_CREATE = """
    create table if not exists clean.rejected_rows (
        source varchar, dataset varchar, delivery_date date, file varchar, line_number bigint, record_key varchar,
        reasons varchar[], row_content map(varchar, varchar), amount decimal(38, 4), resolution varchar,
        entry_id varchar
    )"""

_COLUMNS = (
    "source, dataset, delivery_date, file, line_number, level, reasons, row_content, amount, status, resolution, "
    "resolved_on, entry_id, file_sha256, counted"
)


def record(con: duckdb.DuckDBPyConnection, contract: Contract, due: Due) -> None:
    """Bring the faulty and the released rows of one dataset in `clean.rejected_rows` up to date.

    `clean.rejected_rows(source, dataset, delivery_date, file, line_number, record_key, reasons, row_content, amount,
    resolution, entry_id)`: one row per row that is or was set aside. `resolution` is `later_good_row` where a good row
    with the same key came later (delivery date, file name, line), `by_hand` where a person released it, else NULL; a
    row whose key cannot be read waits for a person. Rows of deliveries that are due are written anew; whether the
    others were made good is asked again where their key is due. Reads what `conform`, `releases` and `deduplicate`
    left.
    """
    amount = f"coalesce({identifier(contract.amount)}, 0)" if contract.amount else "0"
    entry = entry_id_sql(contract, "files._file", "faulty._line", "faulty.row_content")
    dataset = [contract.source, contract.dataset]
    _create(con)
    con.execute(
        f"delete from clean.rejected_rows where source = $1 and dataset = $2 and {due.holds('delivery_date')}", dataset
    )
    con.execute(
        f"""
        insert into clean.rejected_rows
        with faulty as (
            select file_id, _line, record_key, reasons, row_content, {amount} as amount, null as resolution
            from conformed_rows
            where reasons is not null
            union all
            select file_id, _line, record_key, reasons, row_content, amount, 'by_hand' from released_rows
        )
        select
            $1, $2, files._delivery_date, files._file, faulty._line, faulty.record_key, faulty.reasons,
            faulty.row_content, faulty.amount, faulty.resolution, {entry}
        from faulty
        join conformed_files as files on faulty.file_id = files.file_id""",
        dataset,
    )
    asked_again = "true" if due.everything else "record_key in (select record_key from due_keys)"
    con.execute(
        f"""
        update clean.rejected_rows as entry
        set resolution = case when judged.is_made_good then 'later_good_row' end
        from (
            with asked as (
                select rejected.rowid as row, rejected.record_key, files.file_id, rejected.line_number
                from clean.rejected_rows as rejected
                join conformed_files as files on rejected.file = files._file
                where rejected.source = $1 and rejected.dataset = $2 and {asked_again}
                    and rejected.resolution is distinct from 'by_hand'
            ),
            good as (
                select record_key, file_id, _line from conformed_rows where reasons is null
                union all
                select record_key, file_id, _line from rivals
            ),
            newest_good as (
                select record_key, max((file_id, _line)) as place
                from good
                where record_key in (select record_key from asked)
                group by record_key
            )
            select asked.row, coalesce(newest_good.place > (asked.file_id, asked.line_number), false) as is_made_good
            from asked
            left join newest_good on asked.record_key = newest_good.record_key
        ) as judged
        where entry.rowid = judged.row""",
        dataset,
    )


def build(con: duckdb.DuckDBPyConnection, settings: Settings | None = None) -> int:
    """Create or replace `quality.quarantine`; give the number of its open entries.

    One row per bad row (`level` `row`) or bad file (`level` `file`, `line_number` NULL, one reason, content empty),
    also one that was made good. `status` is

    - `released`; `resolution` says by what: `later_good_row` (a later good row has the key), `later_good_file` (a good
      file of the same name came for the same dataset on a later date), `corrected_file` (the file was delivered
      again at the same path, or could be read after all), `rule_changed` (today's contract finds no fault),
      `by_hand` (a person released it);
    - `discarded`: a person says that it is not wanted, or rejected a value without which it cannot be loaded;
    - else `open`.

    `counted` says whether `quality.deliveries` counts it as quarantined: a row by hand is loaded, and what a
    corrected file replaced is not received any more. `entry_id` names the entry in `c360 quarantine`. A file of
    no known source, dataset or date has NULL there. `row_content` holds personal data: it is never published.

    Args:
        con: The working database.
        settings: Names the decisions and the memory of what was released; without them nothing is remembered.
    """
    _create(con)
    decisions = read_decisions(settings) if settings else {}
    has_files = table_exists(con, "raw", "files")
    memory = settings.decisions_dir / MEMORY_FILE if settings else None
    bad_files = _BAD_FILES if has_files else _NO_FILES
    hashes = _HASHES if has_files else "select null::varchar as file, null::varchar as sha256 where false"
    _register(con, decisions)
    con.execute(f"""
        create or replace temp table set_aside_now as
        with file_hashes as ({hashes}),
        entries as (
            select
                source, dataset, delivery_date, file, line_number, 'row' as level, reasons, row_content, amount,
                resolution, entry_id
            from clean.rejected_rows
            union all
            select
                source, dataset, delivery_date, file, line_number, 'file' as level, reasons, row_content, amount,
                resolution, entry_id
            from ({bad_files})
        ),
        judged as (
            select
                entries.*,
                file_hashes.sha256 as file_sha256,
                case
                    when entries.resolution is not null then 'released'
                    when decided.verdict = 'discarded' then 'discarded'
                    -- A person rejected a value without which the row cannot be loaded.
                    when len(list_filter(entries.reasons, lambda x: not starts_with(x, 'rejected:'))) = 0
                        then 'discarded'
                    else 'open'
                end as status,
                case when entries.resolution = 'by_hand' or entries.resolution is null then decided.decided_on end
                    as resolved_on
            from entries
            left join entry_decisions as decided
                on entries.entry_id = decided.entry_id and decided.verdict <> 'reopened'
            left join file_hashes on entries.file = file_hashes.file
        )
        select
            source, dataset, delivery_date, file, line_number, level, reasons, row_content, amount, status, resolution,
            case when status <> 'open' then resolved_on end as resolved_on,
            entry_id, file_sha256, resolution is distinct from 'by_hand' as counted
        from judged""")
    con.unregister("entry_decisions")
    con.execute("create or replace temp table released_before as select * from set_aside_now where false")
    if memory is not None and memory.exists():
        con.execute(f"insert into released_before by name select * from {parquet(memory)}")
    if memory is not None and has_files and _is_ours(con):
        _remember_vanished(con)
        _keep(con, memory)
    known = f"delivery_date <= {literal(str(settings.known_on))}" if settings and settings.known_on else "true"
    con.execute(f"""
        create or replace table quality.quarantine as
        select {_COLUMNS} from set_aside_now
        union all
        select {_COLUMNS} from released_before
        where ({known} or delivery_date is null)
            and entry_id not in (select entry_id from set_aside_now where entry_id is not null)
        order by delivery_date, source, dataset, file, line_number nulls first, entry_id""")
    con.execute("drop table set_aside_now")
    con.execute("drop table released_before")
    counted = con.execute("select count(*) from quality.quarantine where status = 'open'").fetchone()
    return int(counted[0]) if counted else 0


def _create(con: duckdb.DuckDBPyConnection) -> None:
    if "entry_id" not in column_names(con, "clean", "rejected_rows"):
        # Of an earlier release; every refresh fills it anew.
        con.execute("drop table if exists clean.rejected_rows")
    con.execute(_CREATE)


def _register(con: duckdb.DuckDBPyConnection, decisions: Mapping[str, EntryDecision]) -> None:
    made = list(decisions.values())
    con.register(
        "entry_decisions",
        pa.table(
            {
                "entry_id": pa.array([d.entry_id for d in made], pa.string()),
                "verdict": pa.array([d.verdict for d in made], pa.string()),
                "decided_on": pa.array([d.decided_on for d in made], pa.date32()),
            }
        ),
    )


def _is_ours(con: duckdb.DuckDBPyConnection) -> bool:
    """Say whether there is a `quality.quarantine` of an earlier run whose entries have ids."""
    return "counted" in column_names(con, "quality", "quarantine")


def _remember_vanished(con: duckdb.DuckDBPyConnection) -> None:
    """Add to `released_before` what the last run set aside and this one does not, where the file is still known."""
    con.execute(f"""
        insert into released_before by name
        with files as ({_HASHES})
        select
            last.* replace (
                'released' as status,
                case
                    when last.level = 'file' or files.sha256 is distinct from last.file_sha256 then 'corrected_file'
                    else 'rule_changed'
                end as resolution,
                cast(files.ingested_at as date) as resolved_on,
                false as counted
            )
        from quality.quarantine as last
        join files on last.file = files.file
        where last.entry_id not in (select entry_id from set_aside_now where entry_id is not null)
            and last.entry_id not in (select entry_id from released_before where entry_id is not null)""")


def _keep(con: duckdb.DuckDBPyConnection, memory: Path) -> None:
    """Write what was released to its file, whole or not at all, where this run adds to it."""
    known = 0
    if memory.exists():
        counted = con.execute(f"select count(*) from {parquet(memory)}").fetchone()
        known = counted[0] if counted else 0
    now = con.execute("select count(*) from released_before").fetchone()
    if now is None or now[0] == known:
        return
    memory.parent.mkdir(parents=True, exist_ok=True)
    aside = memory.with_name(f".{memory.name}.part")
    con.execute(
        f"copy (select * from released_before order by entry_id) to {literal(str(aside))} "
        "(format parquet, compression zstd)"
    )
    aside.replace(memory)


_HASHES = """
    select file, arg_max(sha256, ingested_at) as sha256, max(ingested_at) as ingested_at
    from raw.files group by file"""

_BAD_FILES = """
    with files as (select *, parse_filename(file) as file_name from raw.files)
    select
        bad.source, bad.dataset, bad.delivery_date, bad.file, null::bigint as line_number,
        [coalesce(bad.reason, 'unreadable')] as reasons,
        map([]::varchar[], []::varchar[]) as row_content,
        0::decimal(38, 4) as amount,
        case
            when coalesce(bool_or(good.file = bad.file), false) then 'corrected_file'
            when coalesce(bool_or(
                good.source = bad.source and good.dataset = bad.dataset and good.delivery_date > bad.delivery_date
            ), false) then 'later_good_file'
        end as resolution,
        left(md5(concat_ws('|', 'file', bad.file, bad.sha256, coalesce(bad.reason, 'unreadable'))), 12) as entry_id
    from files as bad
    left join files as good on good.status = 'read' and good.file_name = bad.file_name
    where bad.status = 'quarantined'
    group by all"""

_NO_FILES = """
    select
        source, dataset, delivery_date, file, line_number, reasons, row_content, amount, resolution, entry_id
    from clean.rejected_rows where false"""
