"""The word lists that cleaning reads: surnames, honorifics, divisions, policy rows.

What belongs here: reading CSV files of `seeds/reference` and `seeds/policy` into rows, and their fingerprint.
What does not: what a word means for a name, a phone or an address (the module of that value).
"""

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

from orchestration.errors import UserError
from orchestration.files import sha256_of
from orchestration.settings import PROJECT_ROOT

REFERENCE_DIR = PROJECT_ROOT / "seeds" / "reference"
POLICY_DIR = PROJECT_ROOT / "seeds" / "policy"


def read_rows(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """Read one CSV file as rows of text.

    Raises:
        UserError: the file is missing, is not UTF-8, or lacks one of `columns`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or []
            missing = [c for c in columns if c not in header]
            if missing:
                raise UserError(f"{path.name} has no column {', '.join(missing)}: add it to the header line.")
            rows = [{k: (v or "").strip() for k, v in row.items() if k} for row in reader]
    except FileNotFoundError as error:
        raise UserError(f"The word list {path} is missing: restore it from the repository.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"The word list {path} is not UTF-8: save it as UTF-8 and run again.") from error
    return rows


def fingerprint(paths: Iterable[Path], *versions: str) -> str:
    """Digest of files and library versions: the same digest means the same answers."""
    # By name alone: another folder of the same lists gives the same answers.
    parts = ([(path.name, sha256_of(path)) for path in paths], versions)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
