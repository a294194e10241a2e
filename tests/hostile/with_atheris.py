"""Coverage-guided fuzzing of the parsers and of reading text into lines and rows, by atheris; no test of the suites.

`make fuzz-coverage RUNS=100000` installs atheris beside the environment of the lock file and runs this. It ends at the
first error, with the input that led to it, or after so many runs.
"""

import io
import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found,unused-ignore]
import duckdb

with atheris.instrument_imports(include=["orchestration.cleaning", "orchestration.ingestion"]):
    from orchestration.cleaning import addresses, emails, names, phones, typing_sql
    from orchestration.ingestion.decoding import LineBlock, detect_encoding, line_end, read_lines
    from orchestration.ingestion.framing import BadRow, Framer
    from orchestration.ingestion.limits import load_limits
    from orchestration.ingestion.problems import UnreadableFileError
    from orchestration.settings import Settings

LIMITS = load_limits(Settings(_env_file=None).policy_dir)
FILE = Path(tempfile.mkdtemp(prefix="fuzz-")) / "delivered.csv"
CON = duckdb.connect(config={"threads": 1})
CON.execute("set timezone = 'Asia/Shanghai'")
READ_AS = ", ".join(
    (
        typing_sql.timestamp("f", "Asia/Shanghai"),
        typing_sql.date("f", "Asia/Shanghai"),
        typing_sql.decimal("f"),
        typing_sql.integer("f"),
    )
)
# Dates and numbers are read by the engine, a batch at a time: alone, each would cost as much as a thousand.
BATCH = 200
waiting: list[str] = []


def one_input(data: bytes) -> None:
    """Read the bytes as a value of each kind and as a file, of which no line and no row may be lost."""
    text = data.decode("utf-8", "ignore")
    for parse in (names.parse, phones.parse, emails.parse, addresses.parse):
        parse(text)
    waiting.append(text)
    if len(waiting) == BATCH:
        read_dates_and_numbers()
    read_as_file(data)


def read_dates_and_numbers() -> None:
    """Read all texts that wait as a time, a date and numbers; each gives a row."""
    CON.execute("create or replace temp table texts as select unnest($1::varchar[]) as delivered", [waiting])
    folded = f"select {typing_sql.folded('delivered')} as f from texts"
    if len(CON.execute(f"select {READ_AS} from ({folded})").fetchall()) != BATCH:
        raise AssertionError("A text gave no row.")
    waiting.clear()


def read_as_file(data: bytes) -> None:
    """Tell the encoding, cut into lines, frame into rows of three columns."""
    FILE.write_bytes(data)
    try:
        encoding = detect_encoding(FILE, LIMITS)
    except UnreadableFileError:
        return
    blocks: list[LineBlock] = list(read_lines(FILE, encoding, LIMITS))
    end = line_end(FILE)
    body = data[3:] if encoding == "utf-8-sig" else data
    lines = body.count(end) + (not body.endswith(end) and body != b"")
    if sum(len(block.lines) for block in blocks) != lines:
        raise AssertionError(f"{lines} lines were delivered and {sum(len(b.lines) for b in blocks)} read.")
    bad: list[BadRow] = []
    framed = Framer(b",", 3, io.BytesIO(), bad.append, LIMITS).frame(blocks)
    if framed.bad != len(bad):
        raise AssertionError(f"{framed.bad} bad rows were counted and {len(bad)} reported.")
    if any(line.strip() for block in blocks for line in block.lines) and framed.rows == 0:
        raise AssertionError("No row came of a text that is not blank.")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
