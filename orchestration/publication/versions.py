"""Published versions on disk: which there are, which one readers see, and how that is switched.

What belongs here: the folders under `serving/`, the link `current`, retention. What does not: the content
of a version (`build.py`), whether it may go out (`publish.py`) and going back to an earlier one (`rollback.py`).

Readers open `serving/current/c360.duckdb`. `current` is a relative link to a folder, replaced by rename, so a reader
sees the old version or the new one and never anything between; a reader that has a file open keeps it.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestration.errors import UserError
from orchestration.files import sha256_of
from orchestration.gates.report import REPORT_NAME
from orchestration.publication.manifest import FILE_NAME, Manifest, read_manifest
from orchestration.publication.policy import PublicationPolicy
from orchestration.settings import Settings

VERSIONS = "versions"
CURRENT = "current"
BUILDING_SUFFIX = ".building"
_REMOVED_SUFFIX = ".removed"
_ID_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Version:
    """One published version: its id, its folder and its manifest."""

    id: str
    path: Path
    manifest: Manifest

    @property
    def file(self) -> Path:
        """The DuckDB file that readers open."""
        return self.path / FILE_NAME

    @property
    def report(self) -> Path:
        """The page on the quality of the run that made it; absent for versions of an earlier release."""
        return self.path / REPORT_NAME


def list_versions(settings: Settings) -> list[Version]:
    """Every whole version, oldest first; a build that was cut short is not one."""
    folder = settings.serving_dir / VERSIONS
    if not folder.is_dir():
        return []
    versions: list[Version] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not (path / FILE_NAME).is_file():
            continue
        manifest = read_manifest(path)
        if manifest is not None:
            versions.append(Version(id=path.name, path=path, manifest=manifest))
    return versions


def current_version(settings: Settings) -> Version | None:
    """The version that readers see now, or None when nothing was published yet.

    Raises:
        UserError: `current` is no link.
    """
    link = settings.serving_dir / CURRENT
    if link.exists() and not link.is_symlink():
        raise UserError(
            f"{link} is no link to a version: the warehouse was copied without keeping links. Delete it, then refresh "
            "or choose a version (c360 rollback <id>); copy warehouses with c360 backup, or with cp -a."
        )
    try:
        target = link.readlink()
    except (FileNotFoundError, NotADirectoryError):
        return None
    path = settings.serving_dir / VERSIONS / target.name
    manifest = read_manifest(path)
    if manifest is None or not (path / FILE_NAME).is_file():
        return None
    return Version(id=path.name, path=path, manifest=manifest)


def find_version(settings: Settings, wanted: str) -> Version:
    """A version by its id, the beginning of one, `current`, or `previous` (the one before the current).

    Raises:
        UserError: there is none, or several begin so; the message names those there are.
    """
    versions = list_versions(settings)
    current = current_version(settings)
    if wanted == "current":
        matching = [current] if current else []
    elif wanted == "previous":
        matching = [v for v in versions if current and v.id < current.id][-1:]
    else:
        matching = [v for v in versions if v.id == wanted] or [
            v for v in versions if wanted and v.id.startswith(wanted)
        ]
    if len(matching) == 1:
        return matching[0]
    known = ", ".join(v.id for v in reversed(matching or versions)) or "none was published yet"
    problem = "Several published versions begin with" if matching else "There is no published version"
    raise UserError(f"{problem} {wanted!r}. Versions: {known}. `c360 versions` tells them apart.")


def verify(version: Version) -> None:
    """Prove that a version's file is the one that was checked.

    Raises:
        UserError: the checksum differs.
    """
    if not is_intact(version):
        raise UserError(
            f"The file of version {version.id} is not the one that was published: its checksum differs from "
            f"{version.path / 'manifest.json'}. Choose another version (c360 versions) or run c360 rebuild."
        )


def is_intact(version: Version) -> bool:
    """Say whether a version's file is byte for byte the one that was checked."""
    try:
        return sha256_of(version.file) == version.manifest.sha256
    except OSError:
        return False


def switch_to(settings: Settings, version: Version) -> None:
    """Point `current` at a version, in one step that readers cannot see the middle of."""
    link = settings.serving_dir / CURRENT
    temporary = settings.serving_dir / f".{CURRENT}.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(Path(VERSIONS) / version.id, target_is_directory=True)
    temporary.replace(link)
    sync_folder(settings.serving_dir)


def new_version_id(settings: Settings, now: datetime, seed: str) -> str:
    """An id that sorts after every other, also when the clock was set back.

    Args:
        settings: Names the serving folder.
        now: UTC.
        seed: Hexadecimal text that tells versions of one second apart; its first six characters are used.
    """
    moment = now.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    existing = list_versions(settings)
    if existing:
        newest = datetime.strptime(existing[-1].id.split("-")[0], _ID_TIME)  # noqa: DTZ007 - ids are UTC
        moment = max(moment, newest + timedelta(seconds=1))
    return f"{moment.strftime(_ID_TIME)}-{seed[:6]}"


def remove_leftovers(settings: Settings) -> list[str]:
    """Remove what killed publications left behind; call it with the lock held.

    Returns:
        The names of the folders and links that were removed.
    """
    removed: list[str] = []
    folder = settings.serving_dir / VERSIONS
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name.startswith(".") and path.name.endswith((BUILDING_SUFFIX, _REMOVED_SUFFIX)):
                shutil.rmtree(path)
                removed.append(path.name)
    for path in settings.serving_dir.glob(f".{CURRENT}.*"):
        path.unlink()
        removed.append(path.name)
    return removed


def remove_old(settings: Settings, policy: PublicationPolicy, now: datetime) -> list[str]:
    """Remove versions beyond the number the policy keeps, never the current one nor one within the grace time.

    Returns:
        The ids of the versions that were removed.
    """
    current = current_version(settings)
    removed: list[str] = []
    for version in list_versions(settings)[: -policy.versions_kept]:
        if (current and version.id == current.id) or now - version.manifest.created_at < policy.grace:
            continue
        # Renamed first: a removal that is cut short leaves no half version behind.
        doomed = version.path.with_name(f".{version.id}{_REMOVED_SUFFIX}")
        version.path.rename(doomed)
        shutil.rmtree(doomed)
        removed.append(version.id)
    return removed


@contextmanager
def serving_lock(settings: Settings) -> Iterator[None]:
    """Hold the serving folder: one publication or rollback at a time. Readers never wait for it.

    The kernel drops the lock when its process ends, however it ends.

    Raises:
        UserError: the folder cannot be made or written.
    """
    try:
        (settings.serving_dir / VERSIONS).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(settings.serving_dir / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UserError(
            f"The folder {settings.serving_dir} cannot be written: {error.strerror}. Check C360_WAREHOUSE, its "
            "permissions and the free disk space. What was published before stays as it is."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make the entries of a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
