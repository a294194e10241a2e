"""How large and how broken a delivered file may be before reading gives up on it.

What belongs here: reading `seeds/policy/reading_limits.csv`. What does not: what happens past a limit (the readers).
"""

import csv
from dataclasses import dataclass, fields
from pathlib import Path

from orchestration.errors import UserError


@dataclass(frozen=True)
class ReadingLimits:
    """One number per row of `reading_limits.csv`; its `why` column says what each is for."""

    max_row_bytes: int
    max_quoted_lines: int
    max_unpacked_bytes: int
    max_unpacked_ratio: int
    ratio_free_bytes: int
    max_sheet_cells: int
    max_parquet_rows: int
    kept_raw_characters: int
    broken_file_rows: int
    header_search_rows: int
    encoding_sample_lines: int


def load_limits(policy_dir: Path) -> ReadingLimits:
    """Read the limits in force from `<policy_dir>/reading_limits.csv`; of several rows the newest `valid_from` holds.

    Raises:
        UserError: the file is absent, a limit has no row, or a value is not a positive whole number.
    """
    path = policy_dir / "reading_limits.csv"
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = sorted(csv.DictReader(stream), key=lambda row: row["valid_from"])
    except (OSError, KeyError) as error:
        raise UserError(f"The policy table {path} cannot be read ({error}). Restore it from the repository.") from error
    written = {row["limit_name"]: row["value"] for row in rows}
    values: dict[str, int] = {}
    for field in fields(ReadingLimits):
        text = (written.get(field.name) or "").strip()
        if not text.isdecimal() or int(text) == 0:
            raise UserError(f"{path}: limit {field.name} is {text!r}. Give it a positive whole number.")
        values[field.name] = int(text)
    return ReadingLimits(**values)
