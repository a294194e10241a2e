"""What a published version was made from, as one checksum: raw files, rules, code and as-of day."""

import hashlib

from orchestration.as_of import business_day
from orchestration.files import checksum
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
    warehouse = settings.warehouse
    identity = warehouse / "identity"
    # What people decided and accepted is input too; the model is made by a run, and put there by hand to change it.
    by_hand = [
        *(identity / name for name in ("accepted_changes.csv", "decisions.csv", "model.json")),
        *settings.decisions_dir.glob("*.csv"),
    ]
    parts = (
        business_day(settings),
        settings.timezone,
        settings.known_on,
        checksum(settings.raw_dir.rglob("manifest.json"), settings.raw_dir),
        checksum((path for path in by_hand if path.exists()), warehouse),
        checksum((path for pattern in _RULES_AND_CODE for path in settings.root.glob(pattern)), settings.root),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()
