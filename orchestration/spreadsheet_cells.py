"""Cells of CSV files that people open in a spreadsheet: none is run as a formula, and none is changed for good.

What belongs here: what a cell may hold, as a value and as SQL, and files that are written to be filled in. What does
not: which columns a file has.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from orchestration.database import literal
from orchestration.errors import UserError

# Spreadsheets read a cell that starts with one of these, also in full width, as a formula; a quote before it makes it
# text (OWASP, CSV injection). Text that has such a quote of its own gets one more, so that exactly one is taken off.
_FORMULA = "^'*[\\s\u3000\u00a0]*[=+\\-@＝＋－＠|%\\t\\r\\n]"


def safe_cell(text: str) -> str:
    """A text as a spreadsheet may safely show it."""
    return f"'{text}" if re.match(_FORMULA, text) else text


def text_of_cell(cell: str) -> str:
    """The text that `safe_cell` made safe; a cell from which a person took the quote off is the text already."""
    return cell[1:] if cell.startswith("'") and re.match(_FORMULA, cell[1:]) else cell


def safe_cell_sql(text: str) -> str:
    """SQL of `safe_cell` of a SQL text."""
    return f"if(regexp_matches({text}, {literal(_FORMULA)}), '''' || {text}, {text})"


def write_to_fill_in(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write rows as CSV for a person to fill in; return their number.

    With a byte order mark, so that spreadsheets read it as UTF-8. Values that a row lacks at its end are empty.

    Raises:
        UserError: the file cannot be written.
    """
    written = 0
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            for row in rows:
                cells = [safe_cell(value) if isinstance(value, str) else value for value in row]
                writer.writerow([*cells, *[""] * (len(columns) - len(cells))])
                written += 1
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}. Name a file in a folder that may be written."
        ) from error
    return written
