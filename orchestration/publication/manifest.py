"""The manifest beside a published file: what the version holds and how to prove it is intact.

What belongs here: the manifest's shape, reading and writing it, checksums. What does not: making versions.
"""

from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestration.files import write_whole

FILE_NAME = "c360.duckdb"  # constant: DuckDB names the catalog after the file
MANIFEST_NAME = "manifest.json"


class Making(BaseModel):
    """How a file was made: what the next one needs to know to carry it on instead of writing all of it anew.

    `recipe` is the checksum of everything that decides the file but the rows. `rows_written` counts by table what was
    not carried on: rows added and removed, or all of a table that was written anew. `carried` counts versions since the
    file was written whole, `out_of_order` rows moved to the end by table since the table was. `checksums` are those of
    the rows of a table, where they were counted.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    recipe: str
    rows_written: dict[str, int] = {}
    carried: int = 0
    out_of_order: dict[str, int] = {}
    checksums: dict[str, str] = {}


class Manifest(BaseModel):
    """One published version; `rows` counts rows by table (`marts.customer_360`), `created_at` is UTC.

    `checks_passed` and `checks_warned` count what the gates and the audit of the file found; a blocking check that
    fails publishes nothing. None in versions that were published before they were counted, and so with `making`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str
    as_of: date
    created_at: datetime
    run_id: str
    fingerprint: str
    rows: dict[str, int]
    bytes: int
    sha256: str
    duckdb_version: str
    storage_version: str
    checks_passed: int | None = None
    checks_warned: int | None = None
    making: Making | None = None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest so that it survives a power cut, and read-only."""
    path = folder / MANIFEST_NAME
    write_whole(path, manifest.model_dump_json(indent=2) + "\n")
    path.chmod(0o444)


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of a version folder; None where there is none that can be read."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None
