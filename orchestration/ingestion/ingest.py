"""Taking deliveries in: which are new, and one partition (dataset and delivery date) from landing zone to raw store.

What belongs here: comparing the landing zone with what is remembered, and the order of steps. What does not: formats
(readers), layout on disk (raw_store), Dagster (assets).
"""

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from queue import SimpleQueue

import duckdb

from data_quality.contract import Contract, load_contracts
from orchestration.database import identifier, literal, parquet
from orchestration.errors import is_machine_fault
from orchestration.files import sha256_of
from orchestration.ingestion.discovery import LandingFile, by_home, discover
from orchestration.ingestion.engine import Engine, how_many
from orchestration.ingestion.headers import HeaderReader
from orchestration.ingestion.limits import load_limits
from orchestration.ingestion.problems import FileProblem, UnreadableFileError
from orchestration.ingestion.raw_store import (
    TECHNICAL_COLUMNS,
    FileEntry,
    Manifest,
    contract_fingerprint,
    copy_to_quarantine,
    explaining_write_errors,
    partition_dir,
    read_manifest,
    recover,
    release_from_quarantine,
    replacing,
    unplaced_dir,
    write_manifest,
    writing_alone,
    written_amount_sql,
)
from orchestration.ingestion.readers import ROW_GROUP_ROWS, Job, Reading, read_file
from orchestration.settings import Settings


@dataclass(frozen=True)
class QuarantinedFile:
    """A delivered file that was not taken in."""

    file: str
    reason: str
    message: str


@dataclass(frozen=True)
class PartitionResult:
    """What one partition holds after it was taken in; `changed` is False when there was nothing to do.

    `notes` says of files that were read, by path, what somebody should know: sheets that were left out.
    """

    source: str
    dataset: str
    delivery_date: date
    changed: bool
    files: int
    files_read: int
    rows: int
    bad_rows: int
    quarantined: list[QuarantinedFile]
    notes: dict[str, str]
    seconds: float


def new_delivery_dates(settings: Settings, landing: list[LandingFile] | None = None) -> list[date]:
    """Delivery dates that hold files which are new, changed, or read under another contract, in order.

    Nothing is read while size and time of change agree with what is remembered.

    Raises:
        UserError: the landing zone cannot be listed or a manifest is damaged.
    """
    files = discover(settings) if landing is None else landing
    contracts = load_contracts(settings.contracts_dir)
    found: set[date] = set()
    for home, delivered in by_home(files).items():
        source, dataset, day = home
        if day in found:
            continue
        manifest = read_manifest(partition_dir(settings, source, dataset, day))
        fingerprint = contract_fingerprint(contracts[f"{source}_{dataset}"])
        if not all(_is_known(file, manifest.files.get(file.relative), fingerprint) for file in delivered):
            found.add(day)
    return sorted(found)


def has_new_unplaced_files(settings: Settings, landing: list[LandingFile] | None = None) -> bool:
    """Say whether the landing zone holds files without a dataset or date that no run has reported yet."""
    files = discover(settings) if landing is None else landing
    known = read_manifest(unplaced_dir(settings)).files
    return any(not _is_same_fault(file, known.get(file.relative)) for file in files if file.home is None)


def ingest_partitions(
    settings: Settings, contract: Contract, delivered: Mapping[date, list[LandingFile]], *, force: bool = False
) -> list[PartitionResult]:
    """Bring partitions of a dataset up to date with the files of each delivery date, several at once; by date.

    Files that are unchanged since they were read are not read again unless `force`; files that have left the landing
    zone keep their rows, since landing zones are cleaned up.

    A small file takes as long in Python as in DuckDB, so two are read at once where there are two cores. Each has a
    DuckDB of its own: what a damaged file does to it is nobody else's fault.

    Raises:
        UserError: the raw store cannot be written (disk full).
    """
    at_once = how_many(settings, len(delivered))
    with (
        explaining_write_errors(settings, f"raw {contract.table}"),
        writing_alone(settings),
        ExitStack() as opened,
        ThreadPoolExecutor(at_once, thread_name_prefix="raw") as pool,
    ):
        idle: SimpleQueue[Engine] = SimpleQueue()
        for _ in range(at_once):
            idle.put(opened.enter_context(Engine(settings, beside=at_once - 1)))

        def ingest(delivery_date: date) -> PartitionResult:
            engine = idle.get()
            try:
                return _ingest(settings, contract, delivery_date, delivered[delivery_date], engine, force)
            finally:
                idle.put(engine)

        return list(pool.map(ingest, sorted(delivered)))


def _ingest(
    settings: Settings,
    contract: Contract,
    delivery_date: date,
    files: list[LandingFile],
    engine: Engine,
    force: bool,
) -> PartitionResult:
    """Bring one partition up to date from its files, with the raw store held."""
    started = time.monotonic()
    with explaining_write_errors(settings, f"raw {contract.table} of {delivery_date}"):
        folder = partition_dir(settings, contract.source, contract.dataset, delivery_date)
        recover(folder)
        before = read_manifest(folder)
        fingerprint = contract_fingerprint(contract)
        kept: dict[str, FileEntry] = {
            name: entry for name, entry in before.files.items() if name not in {file.relative for file in files}
        }
        to_read: list[LandingFile] = []
        for file in files:
            entry = before.files.get(file.relative)
            if entry is not None and not force and _is_known(file, entry, fingerprint):
                kept[file.relative] = replace(entry, mtime_ns=file.mtime_ns)
            else:
                to_read.append(file)
        if to_read:
            manifest = _rewrite(settings, engine, contract, folder, kept, to_read, fingerprint)
        else:
            manifest = Manifest(kept)
            if kept != before.files:
                write_manifest(folder, manifest)
    entries = manifest.files.values()
    return PartitionResult(
        source=contract.source,
        dataset=contract.dataset,
        delivery_date=delivery_date,
        changed=bool(to_read),
        files=len(entries),
        files_read=len(to_read),
        rows=sum(entry.rows for entry in entries if entry.status == "read"),
        bad_rows=sum(entry.bad_rows for entry in entries),
        quarantined=_quarantined(entries),
        notes={entry.file: entry.message for entry in entries if entry.status == "read" and entry.message},
        seconds=round(time.monotonic() - started, 3),
    )


def record_unplaced(settings: Settings, landing: list[LandingFile] | None = None) -> list[QuarantinedFile]:
    """Remember, and copy to quarantine, the files of the landing zone that belong to no dataset and delivery date.

    Returns:
        Those files, by path. A file that has left the landing zone stays remembered.
    """
    with explaining_write_errors(settings, "the list of files without a dataset"), writing_alone(settings):
        found = discover(settings) if landing is None else landing
        files = [file for file in found if file.home is None]
        folder = unplaced_dir(settings)
        manifest = read_manifest(folder)
        # A file that found its place (a contract, a setting or a clock is another now) is listed there alone.
        at_home = {file.relative for file in found if file.home is not None}
        placed = Manifest({name: entry for name, entry in manifest.files.items() if name not in at_home})
        for file in files:
            known = placed.files.get(file.relative)
            if file.problem is None or _is_same_fault(file, known):
                continue
            placed.files[file.relative] = _faulty_entry(settings, file, file.problem, 0, "", None)
        if placed != manifest:
            folder.mkdir(parents=True, exist_ok=True)
            write_manifest(folder, placed)
    return _quarantined(placed.files[file.relative] for file in files)


def _is_known(file: LandingFile, entry: FileEntry | None, fingerprint: str) -> bool:
    if entry is None or entry.contract != fingerprint or entry.bytes != file.size:
        return False
    if entry.mtime_ns == file.mtime_ns:
        return True
    return entry.sha256 is not None and _sha256_or_none(file.path) == entry.sha256


def _is_same_fault(file: LandingFile, entry: FileEntry | None) -> bool:
    if entry is None or file.problem is None:
        return False
    return (entry.bytes, entry.mtime_ns, entry.reason) == (file.size, file.mtime_ns, file.problem.reason)


def _sha256_or_none(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None


def _quarantined(entries: Iterable[FileEntry]) -> list[QuarantinedFile]:
    return [
        QuarantinedFile(entry.file, entry.reason or "", entry.message or "")
        for entry in entries
        if entry.status == "quarantined"
    ]


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="ingest-", dir=settings.temp_dir))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rewrite(
    settings: Settings,
    engine: Engine,
    contract: Contract,
    folder: Path,
    kept: dict[str, FileEntry],
    to_read: list[LandingFile],
    fingerprint: str,
) -> Manifest:
    """Write the partition anew from the rows kept and the files to read."""
    limits = load_limits(settings.policy_dir)
    headers = HeaderReader(contract)
    entries = dict(kept)
    with _scratch(settings) as scratch, replacing(folder) as new:
        parts: list[Path] = []
        stored = folder / "data.parquet"
        kept_names = [name for name, entry in kept.items() if entry.status == "read"]
        if kept_names and stored.exists():
            with engine.connection() as con:
                parts.append(_keep_rows(con, contract, stored, kept_names, scratch / "kept.parquet"))
        # What is read again at once to make one file of all need not be small.
        compression = "lz4_raw" if len(parts) + len(to_read) > 1 else "zstd"
        for number, file in enumerate(to_read):
            part = scratch / f"part-{number:05}.parquet"
            with engine.connection() as con:
                beside = scratch / f"file-{number:05}"
                job = Job(con, file, contract, limits, beside, part, headers, compression)
                entry = _take_in(settings, job, fingerprint)
            entries[file.relative] = entry
            if entry.status == "read":
                parts.append(part)
            else:
                # A damaged file may leave DuckDB unusable.
                engine.renew()
        if len(parts) == 1:
            shutil.move(parts[0], new / "data.parquet")
        elif parts:
            with engine.connection() as con:
                con.execute(
                    f"copy (select * from {parquet(*parts)}) to {literal(str(new / 'data.parquet'))} "
                    f"(format parquet, compression zstd, row_group_size {ROW_GROUP_ROWS})"
                )
        manifest = Manifest(entries)
        write_manifest(new, manifest)
    return manifest


def _keep_rows(
    con: duckdb.DuckDBPyConnection, contract: Contract, stored: Path, names: list[str], target: Path
) -> Path:
    """Copy the rows of unchanged and departed files out of the stored partition, in the contract's columns of today."""
    source = parquet(stored)
    present = {row[0] for row in con.execute(f"describe select * from {source}").fetchall()}
    declared = {**dict.fromkeys(contract.columns, "varchar"), **TECHNICAL_COLUMNS}
    columns = ", ".join(
        f"{identifier(name) if name in present else f'null::{kind}'} as {identifier(name)}"
        for name, kind in declared.items()
    )
    listed = ", ".join(literal(name) for name in names)
    con.execute(
        f"copy (select {columns} from {source} where _file in ({listed})) to {literal(str(target))} "
        f"(format parquet, compression zstd, row_group_size {ROW_GROUP_ROWS})"
    )
    return target


def _take_in(settings: Settings, job: Job, fingerprint: str) -> FileEntry:
    """Read one file into its part, or quarantine it; either way an entry says what happened."""
    file = job.file
    if file.problem is not None:
        return _faulty_entry(settings, file, file.problem, 0, fingerprint, None)
    digest: str | None = None
    job.scratch.mkdir()
    try:
        digest = sha256_of(file.path)
        reading = read_file(job)
        amount = _written_amount(job.con, job.contract, job.out)
    except UnreadableFileError as error:
        return _faulty_entry(settings, file, error.problem, error.rows, fingerprint, digest)
    except (OSError, duckdb.Error) as error:
        if is_machine_fault(error):
            raise
        # DuckDB's messages quote the data they stumble over; only the kind of error may be told.
        said = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        problem = FileProblem("unreadable", f"The file cannot be read: {said}. Check that it is whole and may be read.")
        return _faulty_entry(settings, file, problem, 0, fingerprint, digest)
    finally:
        shutil.rmtree(job.scratch, ignore_errors=True)
    release_from_quarantine(settings, file.path)
    return _read_entry(file, reading, amount, fingerprint, digest)


def _written_amount(con: duckdb.DuckDBPyConnection, contract: Contract, part: Path) -> str | None:
    """The amounts of a file as it was read, so that conservation starts at the file and not behind it."""
    total = written_amount_sql(contract)
    if total is None:
        return None
    found = con.execute(f"select {total} from {parquet(part)}").fetchone()
    return str(found[0]) if found and found[0] is not None else "0"


def _read_entry(
    file: LandingFile, reading: Reading, amount: str | None, fingerprint: str, digest: str | None
) -> FileEntry:
    return FileEntry(
        file=file.relative,
        bytes=file.size,
        mtime_ns=file.mtime_ns,
        sha256=digest,
        format=file.format,
        encoding=reading.encoding,
        rows=reading.rows,
        bad_rows=reading.bad_rows,
        status="read",
        reason=None,
        message=reading.message,
        columns_unknown=reading.unknown,
        columns_missing=reading.mapping.missing,
        columns_mapped=reading.mapping.mapped,
        contract=fingerprint,
        ingested_at=_now(),
        amount=amount,
    )


def _faulty_entry(
    settings: Settings, file: LandingFile, problem: FileProblem, rows: int, fingerprint: str, digest: str | None
) -> FileEntry:
    if problem.reason not in ("outside_landing", "not_a_file") and file.path.is_file():
        digest = digest or _sha256_or_none(file.path)
        try:
            copy_to_quarantine(settings, file.path)
        except OSError as error:
            # What cannot be opened cannot be copied either; a full disk is another matter.
            if is_machine_fault(error):
                raise
    return FileEntry(
        file=file.relative,
        bytes=file.size,
        mtime_ns=file.mtime_ns,
        sha256=digest,
        format=file.format,
        encoding=None,
        rows=rows,
        bad_rows=0,
        status="quarantined",
        reason=problem.reason,
        message=problem.message,
        columns_unknown=[],
        columns_missing=[],
        columns_mapped={},
        contract=fingerprint,
        ingested_at=_now(),
        source=file.source,
        dataset=file.dataset,
        delivery_date=file.delivery_date.isoformat() if file.delivery_date else None,
    )


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
