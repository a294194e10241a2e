"""What a published version was made from, as one checksum: raw files, rules, code and as-of day."""

import hashlib
from pathlib import Path

from orchestration.as_of import business_day
from orchestration.settings import Settings

_RULES_AND_CODE = (
    "orchestration/**/*.py",
    "data_quality/**/*.py",
    "data_quality/**/*.yml",
    "dbt_project/*.yml",
    "dbt_project/macros/**/*.sql",
    "models/**/*.sql",
    "models/**/*.yml",
    "seeds/policy/*.csv",
    "seeds/reference/*.csv",
)


def input_fingerprint(settings: Settings) -> str:
    """Checksum of everything that decides the published content.

    Two refreshes with equal fingerprints publish equal content, so the second need not run. The raw
    manifests stand for the data: they hold each delivered file's own checksum.
    """
    digest = hashlib.sha256(business_day(settings).isoformat().encode())
    digest.update(f"{settings.timezone} {settings.known_on}".encode())
    for path in sorted(settings.raw_dir.rglob("manifest.json")):
        _add(digest, path, settings.raw_dir)
    # What people decided and accepted is input too; the model is made by a run, and put there by hand to change it.
    for name in ("accepted_changes.csv", "decisions.csv", "model.json"):
        path = settings.warehouse / "identity" / name
        if path.exists():
            _add(digest, path, settings.warehouse)
    for path in sorted(settings.decisions_dir.glob("*.csv")):
        _add(digest, path, settings.warehouse)
    for pattern in _RULES_AND_CODE:
        for path in sorted(settings.root.glob(pattern)):
            _add(digest, path, settings.root)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", path: Path, base: Path) -> None:
    """Add a file's place and content; the place too, so that a renamed rule counts as a change."""
    digest.update(path.relative_to(base).as_posix().encode())
    digest.update(hashlib.sha256(path.read_bytes()).digest())
