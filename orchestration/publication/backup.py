"""Backup of a warehouse into a folder, and restoring it: consistent while a refresh runs, proved by checksums.

What belongs here: what a backup holds, taking it, checking it and putting it back. What does not: building anything
from raw again (`rebuild.py`), and the policies and code, which version control keeps.

A backup holds raw, the copies of unreadable files, customer ids and decisions, the published versions and the working
database; not Dagster's run history, exports and scratch files. It waits for a run to end, holds the locks only while
it links what never changes in place and copies the rest, and then copies at leisure: a nightly run waits for
seconds, not for the copy.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import duckdb
from pydantic import BaseModel, ConfigDict, ValidationError

from orchestration import database
from orchestration.errors import UserError, WarehouseBusyError
from orchestration.files import sha256_of, write_whole
from orchestration.ingestion.raw_store import refresh_raw_views, writing_alone
from orchestration.progress import Progress, silent
from orchestration.publication.rollback import HOLD_FILE, LOG_FILE
from orchestration.publication.versions import (
    CURRENT,
    VERSIONS,
    current_version,
    find_version,
    serving_lock,
    switch_to,
    sync_folder,
    verify,
)
from orchestration.run_lock import RunLock
from orchestration.settings import Settings

FORMAT = 1
MANIFEST_NAME = "backup.json"
_INCOMPLETE = "INCOMPLETE"
_FILES = "files"
_DATABASE = "warehouse.duckdb"
_STATE = ("raw", "quarantine", "identity", "decisions")
_SERVING = "serving"
_ASIDE = "before_restore_"


class BackedUpFile(BaseModel):
    """One file of a backup; `path` is below the warehouse, with slashes."""

    model_config = ConfigDict(frozen=True)

    path: str
    bytes: int
    sha256: str


class BackupManifest(BaseModel):
    """What a backup holds; `created_at` is UTC, `current` the version that readers saw."""

    model_config = ConfigDict(frozen=True)

    format: int
    created_at: datetime
    duckdb_version: str
    current: str | None
    files: list[BackedUpFile]

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True)
class Backup:
    """A backup that was taken or restored; `seal` is the checksum of its manifest, and so of everything in it."""

    folder: Path
    manifest: BackupManifest
    seal: str
    moved_aside: Path | None = None


def back_up(settings: Settings, destination: Path, *, wait: float = 0, progress: Progress = silent) -> Backup:
    """Write a backup of the warehouse into a new or empty folder.

    Args:
        settings: Names the warehouse.
        destination: The folder; readable by its owner only, because raw holds personal data.
        wait: How many seconds to wait for a run that is under way.
        progress: Hears of each file before it is copied.

    Raises:
        WarehouseBusyError: a run did not end in time, or another backup is being taken.
        UserError: there is nothing to back up, the folder holds something else, or it cannot be written.
    """
    if not settings.raw_dir.is_dir():
        raise UserError(f"There is nothing to back up in {settings.warehouse}: run c360 refresh first.")
    destination = destination.expanduser().resolve()
    if destination.is_relative_to(settings.warehouse) or settings.warehouse.is_relative_to(destination):
        raise UserError(
            f"{destination} and the warehouse {settings.warehouse} lie in each other: choose another folder."
        )
    with _only_backup(settings):
        try:
            _begin(destination)
            with _staged(settings, wait) as (stage, current):
                found = list(_walk(stage))
                whole, behind = sum(path.stat().st_size for path, _ in found), 0
                files = []
                for path, relative in found:
                    progress(relative.as_posix(), behind / max(whole, 1))
                    files.append(_copy(path, destination / _FILES / relative, relative.as_posix()))
                    behind += files[-1].bytes
            manifest = BackupManifest(
                format=FORMAT,
                created_at=datetime.now(UTC),
                duckdb_version=duckdb.__version__,
                current=current,
                files=files,
            )
            text = manifest.model_dump_json(indent=1) + "\n"
            write_whole(destination / MANIFEST_NAME, text)
            (destination / _INCOMPLETE).unlink()
            sync_folder(destination)
        except OSError as error:
            raise UserError(
                f"The backup into {destination} failed: {error.strerror or error}. Check its permissions and the free "
                "disk space and run c360 backup again. The warehouse is as it was."
            ) from error
    return Backup(destination, manifest, hashlib.sha256(text.encode()).hexdigest())


def read_backup(source: Path, *, expect: str | None = None) -> Backup:
    """Read and judge the manifest of a backup.

    Args:
        source: The folder of the backup.
        expect: The checksum that `c360 backup` told; proves that nobody changed the manifest with the files.

    Raises:
        UserError: this is no whole backup, it was taken by a later release, or its manifest was changed.
    """
    path = source / MANIFEST_NAME
    if (source / _INCOMPLETE).exists():
        raise UserError(f"The backup in {source} was cut short: use an older one.")
    try:
        text = path.read_text(encoding="utf-8")
        known = json.loads(text).get("format")
        if known != FORMAT:
            raise UserError(f"{path} has format {known!r}; this release reads {FORMAT}. Use the release that wrote it.")
        manifest = BackupManifest.model_validate_json(text)
    except FileNotFoundError as error:
        raise UserError(f"There is no backup in {source}: {MANIFEST_NAME} is missing.") from error
    except (ValidationError, ValueError, AttributeError, OSError) as error:
        raise UserError(f"{path} is damaged and cannot be read: use another backup.") from error
    seal = hashlib.sha256(text.encode()).hexdigest()
    if expect is not None and seal != expect.strip().lower():
        raise UserError(f"{path} is not the one that was written: its checksum is {seal}, not {expect}.")
    for file in manifest.files:
        _require_inside(path, file.path)
    return Backup(source, manifest, seal)


def restore(
    settings: Settings, source: Path, *, force: bool = False, expect: str | None = None, progress: Progress = silent
) -> Backup:
    """Put a backup in place of a warehouse, after every file was proved to be the one that was backed up.

    Readers go from the version they see to the restored one in one step. What was there is moved aside, not deleted.

    Args:
        settings: Names the warehouse, which may be another one than the backup is of.
        source: The folder of the backup.
        force: Replace a warehouse that holds something.
        expect: As for `read_backup`.
        progress: Hears of each file before it is copied.

    Raises:
        UserError: the warehouse is not empty, a file is missing, changed or leads outside, or the disk is full.
        WarehouseBusyError: a run is under way.
    """
    backup = read_backup(source.expanduser().resolve(), expect=expect)
    if not force and _holds_something(settings):
        raise UserError(
            f"The warehouse {settings.warehouse} is not empty. Restore into another one (--warehouse), or say --force: "
            "what is there is then moved aside."
        )
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    stage, aside = settings.temp_dir / f"restore-{moment}", settings.warehouse / f"{_ASIDE}{moment}"
    with RunLock(settings):
        try:
            behind = 0
            for file in backup.manifest.files:
                progress(file.path, behind / max(backup.manifest.bytes, 1))
                _fetch(backup.folder, stage, file)
                behind += file.bytes
            _replace_state(settings, stage, aside)
            _replace_serving(settings, stage, aside, backup.manifest.current)
        except OSError as error:
            raise UserError(
                f"Restoring {source} into {settings.warehouse} failed: {error.strerror or error}. Check the free disk "
                "space and run c360 restore --force again."
            ) from error
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    if settings.database.exists():
        with database.connect(settings) as con:
            # Views name the raw files by their full path, which may be another one here.
            refresh_raw_views(con, settings)
    return Backup(backup.folder, backup.manifest, backup.seal, aside if aside.exists() else None)


@contextmanager
def _only_backup(settings: Settings) -> Iterator[None]:
    with (settings.warehouse / "backup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WarehouseBusyError(
                f"Another backup of {settings.warehouse} is being taken. Wait for it to end."
            ) from error
        yield


def _begin(destination: Path) -> None:
    """Make the folder of a backup, or take over one that was cut short."""
    if destination.is_dir() and (destination / _INCOMPLETE).exists():
        shutil.rmtree(destination / _FILES, ignore_errors=True)
    elif destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise UserError(f"{destination} holds something already: name a new folder, such as one for each day.")
    destination.mkdir(parents=True, exist_ok=True, mode=0o700)
    (destination / _INCOMPLETE).touch()


@contextmanager
def _staged(settings: Settings, wait: float) -> Iterator[tuple[Path, str | None]]:
    """Give a folder with the warehouse as it was at one moment, and the version readers saw; removed at the end."""
    for leftover in settings.temp_dir.glob("backup-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    stage = settings.temp_dir / f"backup-{secrets.token_hex(4)}"
    try:
        with _waiting_for_the_run(settings, wait), serving_lock(settings), writing_alone(settings):
            _fold_log_in(settings)
            for root in _STATE:
                for path, relative in _walk(settings.warehouse / root):
                    # Raw data and versions are replaced by others and never changed, so a link keeps this moment.
                    _stage_file(path, stage / root / relative, link=path.name == "data.parquet")
            for path, relative in _walk(settings.serving_dir / VERSIONS):
                _stage_file(path, stage / _SERVING / VERSIONS / relative, link=True)
            for path in (settings.serving_dir / HOLD_FILE, settings.serving_dir / LOG_FILE):
                if path.exists():
                    _stage_file(path, stage / _SERVING / path.name, link=False)
            if settings.database.exists():
                _stage_file(settings.database, stage / _DATABASE, link=False)
            current = current_version(settings)
        yield stage, current.id if current else None
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _waiting_for_the_run(settings: Settings, wait: float) -> Iterator[None]:
    lock, until = RunLock(settings), time.monotonic() + wait
    while True:
        try:
            lock.acquire()
            break
        except WarehouseBusyError:
            if time.monotonic() >= until:
                raise
            time.sleep(min(1.0, max(wait, 0.05)))
    try:
        yield
    finally:
        lock.release()


def _fold_log_in(settings: Settings) -> None:
    """Have a write-ahead log, which a killed run leaves, taken into the database file."""
    log = settings.database.with_name(f"{settings.database.name}.wal")
    with database.connect(settings) if log.exists() else nullcontext() as con:
        if con is not None:
            con.execute("checkpoint")


def _stage_file(path: Path, target: Path, *, link: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if link:
        try:
            os.link(path, target)
            return
        except OSError:
            # Some file systems have no links; then it is copied like the rest.
            target.unlink(missing_ok=True)
    shutil.copyfile(path, target)


def _walk(root: Path) -> Iterator[tuple[Path, Path]]:
    """Every file below a folder with its path in it; neither locks, files being written, nor links."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            if not name.startswith(".") and not name.endswith(".part") and not path.is_symlink():
                yield path, path.relative_to(root)


def _copy(path: Path, target: Path, relative: str) -> BackedUpFile:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = _copy_and_hash(path, target)
    return BackedUpFile(path=relative, bytes=size, sha256=digest)


def _copy_and_hash(source: Path, target: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(1 << 20):
            digest.update(block)
            writer.write(block)
            size += len(block)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest(), size


def _fetch(folder: Path, stage: Path, file: BackedUpFile) -> None:
    """Copy one file out of a backup, and prove that it is the one that was put in."""
    source, target = folder / _FILES / file.path, stage / file.path
    if source.is_symlink() or not source.resolve().is_relative_to((folder / _FILES).resolve()):
        raise UserError(f"{source} leads outside the backup: it was tampered with. Use another backup.")
    if not source.is_file():
        raise UserError(f"The backup {folder} lacks {file.path}: use another one. Nothing was restored.")
    target.parent.mkdir(parents=True, exist_ok=True)
    if _copy_and_hash(source, target) != (file.sha256, file.bytes):
        raise UserError(
            f"{source} is not the file that was backed up: its checksum differs. Use another backup. "
            "Nothing was restored."
        )


def _require_inside(manifest: Path, written: str) -> None:
    path = PurePosixPath(written)
    roots = (*_STATE, _SERVING, _DATABASE)
    if path.is_absolute() or ".." in path.parts or "\\" in written or not path.parts or path.parts[0] not in roots:
        raise UserError(f"{manifest} names {written!r}, which is no place in a warehouse: it was tampered with.")


def _holds_something(settings: Settings) -> bool:
    return settings.database.exists() or any(
        next(_walk(folder), None) is not None
        for folder in (*(settings.warehouse / root for root in _STATE), settings.serving_dir / VERSIONS)
    )


def _replace_state(settings: Settings, stage: Path, aside: Path) -> None:
    log = settings.database.with_name(f"{settings.database.name}.wal")
    for path in (*(settings.warehouse / root for root in _STATE), settings.database, log):
        if path.is_dir() and next(_walk(path), None) is None:
            shutil.rmtree(path)
        elif path.exists():
            aside.mkdir(exist_ok=True)
            path.rename(aside / path.name)
        staged = stage / path.name
        if staged.exists():
            staged.rename(path)
    sync_folder(settings.warehouse)


def _replace_serving(settings: Settings, stage: Path, aside: Path, current: str | None) -> None:
    """Add the versions of the backup to those that are there, and switch readers to the one they saw then."""
    with serving_lock(settings):
        staged = stage / _SERVING / VERSIONS
        for folder in sorted(staged.iterdir()) if staged.is_dir() else []:
            target = settings.serving_dir / VERSIONS / folder.name
            for file in folder.iterdir():
                file.chmod(0o444)
            if target.exists():
                if all(
                    (target / f.name).is_file() and sha256_of(target / f.name) == sha256_of(f) for f in folder.iterdir()
                ):
                    continue
                aside.mkdir(exist_ok=True)
                target.rename(aside / target.name)
            folder.rename(target)
        for name in (HOLD_FILE, LOG_FILE):
            present, backed_up = settings.serving_dir / name, stage / _SERVING / name
            if present.exists():
                aside.mkdir(exist_ok=True)
                present.rename(aside / name)
            if backed_up.exists():
                backed_up.rename(present)
        if current is None:
            (settings.serving_dir / CURRENT).unlink(missing_ok=True)
            return
        version = find_version(settings, current)
        verify(version)
        switch_to(settings, version)
