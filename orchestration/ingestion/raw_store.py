"""The raw store on disk: one folder per source, dataset and delivery date with `data.parquet` and `manifest.json`.

What belongs here: writing a partition so that a reader sees the old or the new one and never half of one, what a
manifest remembers, and the views of schema `raw` over it all. What does not: reading delivered files (readers),
deciding which (ingest).
"""

import fcntl
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from data_quality.contract import Contract, load_contracts
from orchestration.database import identifier, literal
from orchestration.errors import UserError, WarehouseBusyError, is_machine_fault
from orchestration.files import write_whole
from orchestration.settings import Settings

TECHNICAL_COLUMNS: dict[str, str] = {
    "_extra": "map(varchar, varchar)",
    "_row_error": "varchar",
    "_raw": "varchar",
    "_file": "varchar",
    "_line": "bigint",
    "_delivery_date": "date",
}
_UNPLACED = "_unplaced"
PRUNED = "pruned"
"""Status of a file whose rows were dropped from raw because nothing needs them; it is remembered and not read again."""


@dataclass
class FileEntry:
    """What is remembered of one delivered file."""

    file: str
    bytes: int
    mtime_ns: int
    sha256: str | None
    format: str | None
    encoding: str | None
    rows: int
    bad_rows: int
    status: str
    reason: str | None
    message: str | None
    columns_unknown: list[str]
    columns_missing: list[str]
    columns_mapped: dict[str, str]
    contract: str
    ingested_at: str
    source: str | None = None
    dataset: str | None = None
    delivery_date: str | None = None
    amount: str | None = None  # as `written_amount_sql` sums it; None where the dataset has none, or nobody counted it


@dataclass
class Manifest:
    """The files of one partition, by path below the landing zone."""

    files: dict[str, FileEntry] = field(default_factory=dict)


def partition_dir(settings: Settings, source: str, dataset: str, delivery_date: date) -> Path:
    """Folder of one partition."""
    return settings.raw_dir / source / dataset / f"delivery_date={delivery_date.isoformat()}"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a partition; empty where there is none.

    Raises:
        UserError: the manifest is damaged.
    """
    path = folder / "manifest.json"
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        known = {f.name for f in fields(FileEntry)}
        entries = [FileEntry(**{k: v for k, v in entry.items() if k in known}) for entry in written["files"]]
    except FileNotFoundError:
        return Manifest()
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The manifest {path} is damaged ({error}). Delete the folder {folder}; the next refresh reads its "
            "files from the landing zone again."
        ) from error
    return Manifest({entry.file: entry for entry in entries})


def written_amount_sql(contract: Contract) -> str | None:
    """SQL of the sum of a dataset's amounts as raw holds them; None for a dataset without amounts.

    Raw judges no value, so this reads only digits, point and minus, and gives no business figure: it says whether the
    amounts that were taken in are still there.
    """
    if contract.amount is None:
        return None
    text = identifier(contract.amount)
    return (
        f"sum(coalesce(try_cast({text} as decimal(18, 4)), "
        f"try_cast(regexp_replace({text}, '[^0-9.-]', '', 'g') as decimal(18, 4)), 0))::decimal(38, 4)"
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest so that a reader sees the old or the new one."""
    body = {"files": [asdict(manifest.files[name]) for name in sorted(manifest.files)]}
    write_whole(folder / "manifest.json", json.dumps(body, ensure_ascii=False, indent=1))


def recover(folder: Path) -> None:
    """Finish or undo a replacement of `folder` that a crash interrupted."""
    new, old = _beside(folder)
    if old.exists():
        if folder.exists():
            shutil.rmtree(old)
        else:
            old.rename(folder)
    if new.exists():
        shutil.rmtree(new)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Give an empty folder to fill; on success it takes the place of `folder`, on failure nothing changes."""
    recover(folder)
    new, old = _beside(folder)
    new.mkdir(parents=True)
    try:
        yield new
        for path in new.iterdir():
            _fsync(path)
        _fsync(new)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        _fsync(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def writing_alone(settings: Settings) -> Iterator[None]:
    """Hold the raw store while it is written; the hold ends with the process, whatever ends it.

    Raises:
        WarehouseBusyError: another process is writing it.
    """
    settings.raw_dir.mkdir(parents=True, exist_ok=True)
    with (settings.raw_dir / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WarehouseBusyError(
                f"Another process is taking deliveries into {settings.raw_dir}. Wait for it to end, or stop it, "
                "and run again. The published file is not affected."
            ) from error
        yield


@contextmanager
def explaining_write_errors(settings: Settings, what: str) -> Iterator[None]:
    """Turn a full or unwritable disk into a UserError that says what was being written and what stays."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"Writing {what} to {settings.warehouse} failed: {error.strerror or error}. Free disk space or check the "
            "permissions (C360_WAREHOUSE), then run again; the published file and what was taken in before stay."
        ) from error
    except duckdb.Error as error:
        if not is_machine_fault(error):
            raise
        raise UserError(
            f"Writing {what} to {settings.warehouse} failed: {str(error).splitlines()[0]}. Free disk space (or raise "
            "C360_MEMORY_LIMIT), then run again; the published file and what was taken in before stay."
        ) from error


def copy_to_quarantine(settings: Settings, source: Path) -> None:
    """Keep a copy of a file that could not be read; its path mirrors the landing zone."""
    target = settings.quarantine_dir / source.relative_to(settings.landing)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def release_from_quarantine(settings: Settings, source: Path) -> None:
    """Remove the copy of a file that could be read after all."""
    target = settings.quarantine_dir / source.relative_to(settings.landing)
    target.unlink(missing_ok=True)


def forget_file(settings: Settings, source: str, dataset: str, delivery_date: date, file: str) -> None:
    """Forget that a file was seen, so that the next run reads it; its stored rows stay until then.

    Raises:
        WarehouseBusyError: a run is taking deliveries in.
    """
    with writing_alone(settings):
        folder = partition_dir(settings, source, dataset, delivery_date)
        manifest = read_manifest(folder)
        if manifest.files.pop(file, None) is not None:
            write_manifest(folder, manifest)


def unplaced_dir(settings: Settings) -> Path:
    """Where files are remembered that belong to no dataset and delivery date."""
    return settings.raw_dir / _UNPLACED


def manifests(settings: Settings) -> Iterator[tuple[str | None, str | None, str | None, Manifest]]:
    """Every manifest that counts (`known_on`) with source, dataset and delivery date; unplaced files come last."""
    for folder in sorted(settings.raw_dir.glob("*/*/delivery_date=*")):
        delivered = folder.name.removeprefix("delivery_date=")
        if settings.is_known(date.fromisoformat(delivered)):
            yield folder.parent.parent.name, folder.parent.name, delivered, read_manifest(folder)
    yield None, None, None, read_manifest(unplaced_dir(settings))


_FILES_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("dataset", pa.string()),
        ("delivery_date", pa.date32()),
        ("file", pa.string()),
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("format", pa.string()),
        ("encoding", pa.string()),
        ("rows", pa.int64()),
        ("bad_rows", pa.int64()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("columns_unknown", pa.list_(pa.string())),
        ("columns_missing", pa.list_(pa.string())),
        ("columns_mapped", pa.map_(pa.string(), pa.string())),
        ("ingested_at", pa.timestamp("us")),
        ("amount", pa.decimal128(38, 4)),
    ]
)


def contract_fingerprint(contract: Contract) -> str:
    """A short hash of what a contract says about reading: columns, aliases, key, required columns."""
    said = {
        "columns": {name: sorted(column.aliases) for name, column in contract.columns.items()},
        "key": contract.key,
        "required": contract.required,
    }
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:16]


def refresh_raw_views(con: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Rebuild schema `raw` from the raw store alone: a view per contract and the table `raw.files`.

    Returns:
        The number of rows of `raw.files` (grain: delivered file).
    """
    remembered = list(manifests(settings))
    read_by: dict[str, set[str]] = {}
    for source, dataset, _, manifest in remembered:
        read_by.setdefault(f"{source}_{dataset}", set()).update(entry.contract for entry in manifest.files.values())
    for table, contract in load_contracts(settings.contracts_dir).items():
        is_alike = read_by.get(table) == {contract_fingerprint(contract)}
        con.execute(
            f"create or replace view raw.{identifier(table)} as "
            f"{_view_query(con, settings, contract, is_alike=is_alike)}"
        )
    rows: list[dict[str, Any]] = []
    for source, dataset, delivered, manifest in remembered:
        for entry in manifest.files.values():
            if entry.status == PRUNED:
                continue
            row = asdict(entry)
            day = delivered or entry.delivery_date
            row |= {
                "source": source or entry.source,
                "dataset": dataset or entry.dataset,
                "delivery_date": date.fromisoformat(day) if day else None,
                "columns_mapped": list(entry.columns_mapped.items()),
                "ingested_at": datetime.fromisoformat(entry.ingested_at),
                "amount": Decimal(entry.amount) if entry.amount is not None else None,
            }
            rows.append({name: row[name] for name in _FILES_SCHEMA.names})
    table = pa.Table.from_pylist(rows, schema=_FILES_SCHEMA)
    con.register("delivered_files", table)
    con.execute("create or replace table raw.files as select * from delivered_files")
    con.unregister("delivered_files")
    return len(rows)


def _view_query(con: duckdb.DuckDBPyConnection, settings: Settings, contract: Contract, *, is_alike: bool) -> str:
    """SQL of one dataset; `is_alike` says that every file was read under the contract of today.

    The folder's name gives the delivery date, so that a question about some days opens their files alone; but where a
    folder above is named like one (`channel=web`), DuckDB would give every row that as its `channel`. Files that are
    alike are bound by the first of them; else every file is opened to say which columns it has.
    """
    declared = {**dict.fromkeys(contract.columns, "varchar"), **TECHNICAL_COLUMNS}
    folder = settings.raw_dir.resolve() / contract.source / contract.dataset
    if not any(folder.glob("delivery_date=*/data.parquet")):
        columns = ", ".join(f"null::{kind} as {identifier(name)}" for name, kind in declared.items())
        return f"select {columns} where false"
    pattern = f"{glob.escape(str(folder))}/delivery_date=*/data.parquet"
    by_name = "" if is_alike else "union_by_name = true, "
    if "=" in str(folder):
        delivered, by_folder = "_delivery_date", "hive_partitioning = false"
    else:
        delivered = "delivery_date"
        by_folder = "hive_partitioning = true, hive_types = {'delivery_date': date}, hive_types_autocast = false"
    source = f"read_parquet({literal(pattern)}, {by_name}{by_folder})"
    stored = {row[0] for row in con.execute(f"describe select * from {source}").fetchall()}
    columns = ", ".join(
        f"{delivered} as _delivery_date"
        if name == "_delivery_date"
        # A column that joined the contract after the last delivery is in no file yet.
        else f"{identifier(name) if name in stored else f'null::{kind}'} as {identifier(name)}"
        for name, kind in declared.items()
    )
    known = f" where {delivered} <= {literal(str(settings.known_on))}" if settings.known_on else ""
    return f"select {columns} from {source}{known}"
