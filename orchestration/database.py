"""The working database: how it is opened, and the few SQL helpers every stage needs.

What belongs here: connecting, quoting. What does not: any statement about business tables.
"""

import glob
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from orchestration.errors import UserError, WarehouseBusyError, is_machine_fault, machine_fault
from orchestration.settings import Settings

# Beside DuckDB's limit a run holds what Python reads and what DuckDB does not count; analysts work on the machine too.
# Ten million lines on 24 GiB stay at 7 GB so; a quarter was 3% quicker and went above 8.
_SHARE_OF_MEMORY = 0.2
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")

# Of a working database made anew: what the oldest engine we allow can read. Its encoding of text takes a quarter less
# CPU to write than the one DuckDB keeps to for older readers; those read published files, of storage v1.0.0.
STORAGE_VERSION = "v1.5.0"

EngineConfig = dict[str, str | bool | int | float | list[str]]

# How DuckDB says that a file is cut short or that a block of it is not what was written; of Parquet it says so too.
_DAMAGE = (duckdb.IOException, duckdb.SerializationException, duckdb.FatalException, duckdb.InternalException)
_UNREADABLE = (*_DAMAGE, duckdb.InvalidInputException, duckdb.ConversionException)

SCHEMAS = (
    "raw",
    "clean",
    "identity",
    "policy",
    "reference",
    "valuation",
    "staging",
    "increment",
    "intermediate",
    "marts",
    "quality",
)


def engine_config(settings: Settings, spill: Path | None = None) -> EngineConfig:
    """DuckDB's limits, the same for every connection that works on data.

    Args:
        settings: The limits.
        spill: Folder for what does not fit into memory; default is that of the warehouse.
    """
    config: EngineConfig = {"temp_directory": str(spill or settings.temp_dir), "memory_limit": memory_limit(settings)}
    if settings.threads:
        config["threads"] = settings.threads
    return config


def threads(settings: Settings) -> int:
    """How many threads DuckDB may use: the setting, else every core."""
    return settings.threads or os.cpu_count() or 1


def memory_limit(settings: Settings) -> str:
    """What DuckDB may hold in memory, as DuckDB writes it: the setting, else a share of what this machine may use."""
    if settings.memory_limit:
        return settings.memory_limit
    usable = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no such file, or the word `max`: no limit below the machine's
        usable = min(usable, int(_CONTAINER_LIMIT.read_text(encoding="ascii")))
    return f"{int(usable * _SHARE_OF_MEMORY / 2**20)}MiB"


def memory_bytes(settings: Settings) -> int:
    """The memory limit as a number of bytes, as DuckDB understands it."""
    with duckdb.connect(config={"memory_limit": memory_limit(settings)}) as connection:
        number, unit = connection.execute("select current_setting('memory_limit')").fetchall()[0][0].split()
    return int(float(number) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB").index(unit))


class _Kept:
    """What holds the working database open between two connections of a run; nobody works with it."""

    wanted = False
    database: Path | None = None
    connection: duckdb.DuckDBPyConnection | None = None
    in_use = 0  # connections beside it, which it would take along


# The catalog of a few hundred tables is small; a run on much data gives its memory back after each step.
_LITTLE_MEMORY = 256 * 2**20


@contextmanager
def kept_open() -> Iterator[None]:
    """Let the working database stay open from one connection to the next, as long as it holds little memory.

    To open and close it takes 37 ms, a connection beside an open one nothing. For a run, which holds the lock: what
    opens the file by itself (dbt, Great Expectations) must call `close_kept` before.
    """
    _Kept.wanted = True
    try:
        yield
    finally:
        _Kept.wanted = False
        close_kept()


def close_kept() -> None:
    """Close the working database where it is open between two connections."""
    if _Kept.connection is not None:
        _Kept.connection.close()
        _Kept.connection = None


def _holds_much(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the database of a connection holds so much memory that the next step should begin without it."""
    held = connection.execute("select coalesce(sum(memory_usage_bytes), 0) from duckdb_memory()").fetchone()
    return held is None or held[0] > _LITTLE_MEMORY


@contextmanager
def connect(settings: Settings, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the working database, with every schema present, and close it at the end, or later in a run (`kept_open`).

    Raises:
        WarehouseBusyError: another process has the file open.
        UserError: the file or its folder cannot be opened or written, disk or memory ran out meanwhile, or a file of
            raw is damaged.
    """
    connection = _beside_kept(settings) if _Kept.wanted else _open(settings, read_only=read_only)
    _Kept.in_use += 1
    # What an error leaves behind is not to be trusted: a full disk ends the whole database.
    begin_anew = True
    try:
        connection.execute(f"set timezone = {literal(settings.timezone)}")
        connection.execute("set enable_progress_bar = false")
        if not read_only:
            for schema in SCHEMAS:
                connection.execute(f"create schema if not exists {schema}")
        yield connection
        begin_anew = _Kept.wanted and _holds_much(connection)
    except duckdb.Error as error:
        if is_machine_fault(error):
            raise machine_fault(error, f"Writing {settings.database}") from error
        damaged = _damaged_delivery(error, settings)
        if damaged is not None:
            raise UserError(
                f"{damaged / 'data.parquet'} is damaged ({str(error).splitlines()[0]}). Delete the folder {damaged}; "
                "the next refresh reads its files from the landing zone again, or restore it from a backup."
            ) from error
        raise
    finally:
        connection.close()
        _Kept.in_use -= 1
        if begin_anew and not _Kept.in_use:
            close_kept()


def _damaged_delivery(error: duckdb.Error, settings: Settings) -> Path | None:
    """The folder of raw whose Parquet file DuckDB could not read, or None where it failed for another reason."""
    raw = re.escape(str(settings.raw_dir.resolve()))
    named = re.search(rf"({raw}/[^'\"]*?/delivery_date=\d{{4}}-\d\d-\d\d)/data\.parquet", str(error))
    return Path(named.group(1)) if named and isinstance(error, _UNREADABLE) else None


def _beside_kept(settings: Settings) -> duckdb.DuckDBPyConnection:
    """A connection beside the one that keeps the working database open."""
    if _Kept.connection is None or _Kept.database != settings.database:
        close_kept()
        _Kept.connection, _Kept.database = _open(settings, read_only=False), settings.database
    return _Kept.connection.cursor()


def _open(settings: Settings, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    if not read_only:
        settings.temp_dir.mkdir(parents=True, exist_ok=True)
    try:
        return duckdb.connect(
            str(settings.database),
            read_only=read_only,
            config={**engine_config(settings), "storage_compatibility_version": STORAGE_VERSION},
        )
    except duckdb.IOException as error:
        raise _explain(error, settings) from error


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Make all that is written meanwhile visible at once, or nothing of it where an error or a kill comes between."""
    connection.execute("begin")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # A disk that is full can have ended the transaction, or the database, already.
        with suppress(duckdb.Error):
            connection.execute("rollback")
        raise


@contextmanager
def connect_file(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a published file as a BI tool does: read-only.

    Raises:
        UserError: the file is damaged, or may not be read.
    """
    with reading_published(path):
        connection = duckdb.connect(str(path), read_only=True)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def reading_published(path: Path) -> Iterator[None]:
    """Say in words a person can act on that a published file is damaged.

    Raises:
        UserError: the file is damaged, or may not be read.
    """
    try:
        yield
    except _DAMAGE as error:
        if is_machine_fault(error):
            raise
        raise UserError(
            f"The published file {path} cannot be read: {str(error).splitlines()[0]}. c360 versions --verify says "
            "which versions are whole: c360 rollback lets readers see one of them, c360 rebuild publishes anew."
        ) from error


def records(connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, object]) -> list[dict[str, object]]:
    """The rows of a query, each by the names of its columns."""
    result = connection.execute(sql, parameters)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _explain(error: duckdb.IOException, settings: Settings) -> UserError:
    """Turn DuckDB's open error into one that says what to do."""
    if "lock" in str(error).lower():
        holder = re.search(r"PID (\d+)", str(error))
        who = f"process {holder.group(1)}" if holder else "another process"
        return WarehouseBusyError(
            f"The warehouse {settings.database} is held by {who}. Wait for it to end, or stop it, and run again. "
            "The published file is not affected."
        )
    if "does not exist" in str(error):
        return UserError(
            f"There is no working database {settings.database} yet: run c360 refresh first, or name another warehouse "
            "(C360_WAREHOUSE or --warehouse)."
        )
    return UserError(
        f"The warehouse {settings.database} cannot be opened: {str(error).splitlines()[0]}. "
        "Check the path (C360_WAREHOUSE), its permissions and the free disk space. A damaged file may be deleted: "
        "c360 rebuild makes it again from raw, and customer ids stay."
    )


def identifier(name: str) -> str:
    """Quote a column or table name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a string for SQL; only where a statement takes no parameter (settings, DDL, file lists)."""
    return "'" + value.replace("'", "''") + "'"


def hash_of(value: str) -> str:
    """SQL of a value's checksum, which costs less to join and compare than a text; NULL where there is no value."""
    return f"case when {value} is not null then hash({value}) end"


def parquet(*files: Path, options: str = "") -> str:
    """SQL that reads Parquet files, whatever their folders are named.

    Left to itself, DuckDB takes `[a]` in a path for a pattern, and lets a folder `channel=web` overwrite column
    `channel`.
    """
    paths = ", ".join(literal(glob.escape(str(file))) for file in files)
    return f"read_parquet([{paths}], hive_partitioning = false{f', {options}' if options else ''})"


def column_names(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> list[str]:
    """The columns of a table or view of the working database, in order; none where there is no such table."""
    found = connection.execute(
        "select column_name from information_schema.columns where table_catalog = current_database() "
        "and table_schema = ? and table_name = ? order by ordinal_position",
        [schema, table],
    ).fetchall()
    return [name for (name,) in found]


def table_exists(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Say whether the database of this connection has this table or view; others may be attached to it."""
    try:
        # Asked by name: the catalog's own tables list every table and column first, which takes 3 ms a time.
        connection.execute(
            f"select 1 from pragma_table_info({literal(f'{identifier(schema)}.{identifier(table)}')}) limit 0"
        )
    except duckdb.CatalogException:
        return False
    return True
