"""The headers and some rows of a file, read as a run would read it, whatever its headers are.

What belongs here: one file into headers and counted values. What does not: formats, encodings and framing (the readers
of ingestion), and what the values mean (`values.py`).
"""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from data_quality.contract import Contract, normalise_header
from orchestration.database import parquet
from orchestration.errors import UserError
from orchestration.ingestion.decoding import unpack_beginning
from orchestration.ingestion.discovery import FORMATS, LandingFile, format_of
from orchestration.ingestion.headers import LOOKS_LIKE_A_VALUE, HeaderMapping, HeaderReader
from orchestration.ingestion.limits import ReadingLimits
from orchestration.ingestion.problems import FileProblem, UnreadableFileError
from orchestration.ingestion.readers import Job, read_file
from orchestration.mapping.settings import MappingSettings
from orchestration.mapping.similarity import Vocabulary

_TEXT = ("csv", "tsv", "jsonl")


@dataclass(frozen=True)
class Sample:
    """The beginning of a file.

    `values` holds for each header its distinct values with their counts, without empty ones; personal, so never shown.
    `rows` were read, `bad_rows` of them could not be split; `filled` counts the rows with a value by header.
    """

    headers: list[str]
    values: dict[str, dict[str, int]]
    filled: dict[str, int]
    rows: int
    bad_rows: int
    encoding: str | None

    def filled_share(self, header: str) -> float:
        """Share of the rows that could be split in which this column is not empty."""
        return self.filled[header] / max(1, self.rows - self.bad_rows)


class _AnyHeader(HeaderReader):
    """Takes any header as it is, and finds its line by the words that headers are made of."""

    def __init__(self, contract: Contract, known: frozenset[str], vocabulary: Vocabulary) -> None:
        super().__init__(contract)
        self._known = {}
        self._exact = known
        self._vocabulary = vocabulary
        self.seen: list[str] = []

    def score(self, header: Iterable[str]) -> int:
        """Twice the cells that are headers of a contract, and once those that hold a word of headers."""
        points = 0
        for cell in header:
            if normalise_header(cell) in self._exact:
                points += 2
            elif cell.strip() and not LOOKS_LIKE_A_VALUE.search(cell) and self._vocabulary.knows(cell):
                points += 1
        return points

    def problem(self, mapping: HeaderMapping, header: list[str]) -> FileProblem | None:
        """A sheet of one column is a cover or a note."""
        self.seen = header
        if sum(1 for name in header if name.strip()) < 2:
            return FileProblem("wrong_format", "No line at its beginning has two headers or more.")
        return None


def read_sample(
    path: Path,
    contracts: dict[str, Contract],
    vocabulary: Vocabulary,
    limits: ReadingLimits,
    settings: MappingSettings,
) -> Sample:
    """Read the beginning of one file.

    Raises:
        UserError: the file is absent, of no known format, cannot be read, or begins without headers.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    found, compressed = format_of(path.name)
    if found is None:
        raise UserError(f"{path.name} ends in none of {', '.join(FORMATS)}. Export it in one of these formats.")
    known = frozenset(
        normalise_header(written)
        for contract in contracts.values()
        for name, column in contract.columns.items()
        for written in [name, *column.aliases]
    )
    reader = _AnyHeader(next(iter(contracts.values())), known, vocabulary)
    with tempfile.TemporaryDirectory(prefix="c360-") as folder:
        scratch = Path(folder)
        status = path.stat()
        file = LandingFile(
            path=path.resolve(),
            relative=path.name,
            source=None,
            dataset=None,
            delivery_date=date.min,
            format=found,
            compressed=compressed,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            problem=None,
        )
        con = duckdb.connect(":memory:")
        try:
            if found in _TEXT and status.st_size:
                beginning = scratch / "beginning"
                unpack_beginning(file.path, beginning, compressed, int(settings.sample_bytes))
                file = replace(file, path=beginning, compressed=False)
            part = scratch / "part.parquet"
            reading = read_file(Job(con, file, reader.contract, limits, scratch, part, reader))
            headers = list(reading.mapping.extras)
            return _sampled(con, part, headers, int(settings.sample_rows), reading.encoding)
        except UnreadableFileError as error:
            raise UserError(f"{path.name} cannot be read ({error.problem.reason}): {error.problem.message}") from error
        finally:
            con.close()


def _sampled(con: duckdb.DuckDBPyConnection, part: Path, headers: list[str], rows: int, encoding: str | None) -> Sample:
    con.execute(f"create temp table sampled as select _extra, _row_error from {parquet(part)} limit {rows}")
    counted = con.execute("select count(*), count(_row_error) from sampled").fetchone()
    total, bad = counted or (0, 0)
    pairs = con.execute(
        "select e.key, e.value, count(*) from (select unnest(map_entries(_extra)) as e from sampled) "
        "where trim(e.value) <> '' group by all order by count(*) desc, e.value"
    ).fetchall()
    values: dict[str, dict[str, int]] = {header: {} for header in headers}
    for header, value, count in pairs:
        values[header][value] = count
    if headers and sum(1 for header in headers if LOOKS_LIKE_A_VALUE.search(header)) * 2 > len(headers):
        raise UserError(
            "The first line of the file holds values, not headers. Export it with a line of headers, or put one above."
        )
    filled = {header: sum(found.values()) for header, found in values.items()}
    return Sample(headers, values, filled, total, bad, encoding)
