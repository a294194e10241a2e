"""Published versions made by hand, for tests of what reads them."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from orchestration.files import sha256_of
from orchestration.publication.manifest import FILE_NAME, Manifest, write_manifest
from orchestration.publication.versions import Version
from orchestration.settings import Settings


def manifest_of(version: str, **told: Any) -> Manifest:
    """A manifest of the end of June 2026; `told` says what a test is about."""
    usual: dict[str, Any] = {
        "version": version,
        "as_of": date(2026, 6, 30),
        "created_at": datetime(2026, 7, 1, tzinfo=UTC),
        "run_id": "r",
        "fingerprint": "f",
        "rows": {},
        "bytes": 0,
        "sha256": "",
        "duckdb_version": "1.5.5",
        "storage_version": "v1.0.0",
    }
    return Manifest.model_validate(usual | told)


def seal(folder: Path, **told: Any) -> Version:
    """Write the manifest beside the file that lies in a folder, with its size and checksum."""
    file = folder / FILE_NAME
    manifest = manifest_of(folder.name, bytes=file.stat().st_size, sha256=sha256_of(file), **told)
    write_manifest(folder, manifest)
    return Version(folder.name, folder, manifest)


def lay_down(settings: Settings, sql: str) -> Version:
    """A version whose file holds what `sql` makes; readers do not see it before a switch."""
    folder = settings.serving_dir / "versions" / "20260701T000000Z-abc123"
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / FILE_NAME)) as published:
        published.execute(sql)
    return seal(folder)
