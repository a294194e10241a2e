"""Files in which people's decisions are kept: CSV under `<warehouse>/decisions/`, read, added to, never overwritten.

What belongs here: reading such a file in whatever encoding a spreadsheet saved it, and adding rows whole or not at
all. What does not: what a decision means (`releases.py`, `doubtful_values.py`).
"""

import csv
import fcntl
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from orchestration.errors import UserError
from orchestration.files import read_spreadsheet_text, write_whole

Row = tuple[int, dict[str, str]]
"""Number of the row as an editor shows it (the header is row 1) and its values by column; an empty one is ''."""


def read_rows(path: Path, required: Sequence[str]) -> list[Row]:
    """Read the rows of a file of decisions, in order; none where there is no file.

    Raises:
        UserError: the file is no text, lacks a column of `required`, or a row has more values than columns.
    """
    if not path.exists():
        return []
    reader = csv.DictReader(io.StringIO(read_spreadsheet_text(path, str(path)), newline=""), restkey="_more")
    names = [name.strip() for name in reader.fieldnames or ()]
    missing = [name for name in required if name not in names]
    if missing:
        raise UserError(f"{path} has no column {', '.join(missing)}: its first line must name {', '.join(required)}.")
    reader.fieldnames = names
    rows: list[Row] = []
    for number, row in enumerate(reader, start=2):
        if "_more" in row:
            raise UserError(f"{path} row {number} has more values than columns: quote values that hold a comma.")
        rows.append((number, {name: (value or "").strip() for name, value in row.items()}))
    return rows


def read_day(path: Path, number: int, column: str, text: str) -> date:
    """Read a day; spreadsheets turn 2026-06-01 into 2026/6/1.

    Raises:
        UserError: the text is no day.
    """
    try:
        year, month, day = (int(part) for part in text.replace("/", "-").split("-"))
        return date(year, month, day)
    except ValueError as error:
        raise UserError(f"{path} row {number}: {column} is {text!r}: write a day as YYYY-MM-DD.") from error


def append_rows(path: Path, columns: Sequence[str], added: Iterable[Mapping[str, str]]) -> None:
    """Add rows at the end of a file of decisions; two people who decide at once both are heard.

    Raises:
        UserError: the file that is there cannot be read, or its folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.parent / f".{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            rows = [row for _, row in read_rows(path, columns)]
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows([*rows, *added])
            write_whole(path, text.getvalue())
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}. Check C360_WAREHOUSE, its permissions and the free disk "
            "space. Nothing was decided."
        ) from error
