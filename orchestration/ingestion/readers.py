"""One delivered file into one Parquet part with the columns of raw: a reader per format.

What belongs here: what is special to CSV, TSV, JSON lines, Parquet and Excel. What does not: where parts go and what is
remembered of them (raw_store, ingest), what values mean (cleaning).

Every reader writes `out` with the contract columns, `_extra`, `_row_error`, `_raw`, `_file`, `_line`, `_delivery_date`
(grain: delivered row) and raises UnreadableFileError for a file that goes to quarantine whole.
"""

import datetime
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from data_quality.contract import Contract
from orchestration.database import identifier, literal, parquet
from orchestration.errors import is_machine_fault
from orchestration.ingestion.decoding import Encoding, LineBlock, detect_encoding, line_end, read_lines, unpack
from orchestration.ingestion.discovery import LandingFile
from orchestration.ingestion.framing import ESCAPES, SINGLE_BYTE_DELIMITER, BadRow, Framed, Framer, grammar_of
from orchestration.ingestion.headers import HeaderMapping, HeaderReader
from orchestration.ingestion.limits import ReadingLimits
from orchestration.ingestion.problems import UnreadableFileError

_DELIMITERS = (",", "\t", ";", "|", "，")
_BATCH_ROWS = 50_000
# Rows of a Parquet row group: large enough to compress, small enough for two to fit any memory limit.
ROW_GROUP_ROWS = 122_880


@dataclass(frozen=True)
class Reading:
    """What a reader found: rows written to the part, encoding, header mapping, and a remark where one is due."""

    rows: int
    bad_rows: int
    encoding: str | None
    mapping: HeaderMapping
    unknown: list[str]
    message: str | None = None


@dataclass(frozen=True)
class Job:
    """One file to read: the connection, the file, its contract and limits, scratch, target, who reads its headers."""

    con: duckdb.DuckDBPyConnection
    file: LandingFile
    contract: Contract
    limits: ReadingLimits
    scratch: Path
    out: Path
    headers: HeaderReader
    compression: str = "zstd"

    def raw_columns(self, values: dict[str, str], extra: str, error: str, raw: str, line: str) -> str:
        """The select list of raw: SQL for the columns found, NULL for the others."""
        columns = [f"{values.get(name, 'null::varchar')} as {identifier(name)}" for name in self.contract.columns]
        return ", ".join(
            [
                *columns,
                f"{extra} as _extra",
                f"{error} as _row_error",
                f"{raw} as _raw",
                f"{literal(self.file.relative)} as _file",
                f"{line} as _line",
                f"date {literal(str(self.file.delivery_date))} as _delivery_date",
            ]
        )

    def write(self, query: str) -> None:
        """Write the part."""
        self.con.execute(
            f"copy ({query}) to {literal(str(self.out))} "
            f"(format parquet, compression {self.compression}, row_group_size {ROW_GROUP_ROWS})"
        )

    def write_cells(self, values: dict[str, str], extra: str, line: str, cells: list[str], source: str) -> int:
        """Write the part from cells that are told apart already; a row past the length limit is a bad one.

        Args:
            values: SQL of each contract column found.
            extra: SQL of the map of undeclared columns.
            line: SQL of the line number.
            cells: SQL of every cell as text, in the order of the file.
            source: SQL of the rows.

        Returns:
            The number of bad rows.
        """
        length = " + ".join(f"coalesce(strlen({cell}), 0)" for cell in cells)
        kept = f"left(concat_ws(',', {', '.join(cells)}), {self.limits.kept_raw_characters})"
        select = self.raw_columns(
            {name: f"case when _fits then {cell} end" for name, cell in values.items()},
            f"case when _fits then {extra} end",
            "case when not _fits then 'row_too_long' end",
            f"case when not _fits then {kept} end",
            "_place",
        )
        fits = f"{length} <= {self.limits.max_row_bytes}"
        self.write(f"select {select} from (select *, {fits} as _fits, {line} as _place from {source})")
        found = self.con.execute(f"select count(_row_error) from {parquet(self.out)}").fetchone()
        return int(found[0]) if found else 0

    def unnamed_in_use(self, mapping: HeaderMapping) -> list[str]:
        """Undeclared headers, without the nameless columns that hold nothing (spreadsheets leave them behind)."""
        if not mapping.unnamed:
            return mapping.unknown
        found = self.con.execute(f"select distinct unnest(map_keys(_extra)) from {parquet(self.out)}").fetchall()
        used = {name for (name,) in found}
        return [name for name in mapping.unknown if name not in mapping.unnamed or name in used]


NO_EXTRA = "null::map(varchar, varchar)"


def _extra_map(values: dict[str, str]) -> str:
    """SQL of the map of undeclared columns; a column without a value in the row is left out, and NULL if all are."""
    if not values:
        return NO_EXTRA
    names = ", ".join(literal(name) for name in values)
    cells = ", ".join(values.values())
    entries = f"list_filter(list_zip([{names}], [{cells}]), lambda e: e[2] is not null)"
    return f"case when coalesce({cells}) is not null then map_from_entries({entries}) end"


def read_file(job: Job) -> Reading:
    """Read one file by its format. Raises UnreadableFileError; faults of the machine pass through."""
    size = job.file.path.stat().st_size
    if size == 0:
        raise UnreadableFileError("empty_file", "The file holds no bytes. Deliver it again.")
    if job.file.format in ("csv", "tsv"):
        return _read_delimited(job)
    if job.file.format == "jsonl":
        return _read_json_lines(job)
    if job.file.format == "parquet":
        return _read_parquet(job)
    return _read_workbook(job)


# --- text -----------------------------------------------------------------------------------------------------------


def _text_source(job: Job) -> Path:
    if not job.file.compressed:
        return job.file.path
    unpacked = job.scratch / "unpacked"
    unpack(job.file.path, unpacked, job.limits)
    return unpacked


class _BadRows:
    """Rows that could not be split, written to Parquet in batches so that a broken file stays out of memory."""

    _SCHEMA = pa.schema([("_line", pa.int64()), ("_row_error", pa.string()), ("_raw", pa.string())])

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._rows: list[BadRow] = []
        self._characters = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, row: BadRow) -> None:
        self._rows.append(row)
        self._characters += len(row.raw)
        self.count += 1
        if self._characters > 8_000_000 or len(self._rows) >= _BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, self._SCHEMA, compression="zstd")
        columns = [[r.line for r in self._rows], [r.error for r in self._rows], [r.raw for r in self._rows]]
        self._writer.write_table(pa.table(columns, schema=self._SCHEMA))
        self._rows, self._characters = [], 0

    def close(self) -> None:
        if self._rows:
            self.flush()
        if self._writer is not None:
            self._writer.close()

    def select(self, job: Job) -> str:
        """SQL that adds these rows to a part; empty when there are none."""
        if not self.count:
            return ""
        columns = job.raw_columns({}, NO_EXTRA, "_row_error", "_raw", "_line")
        return f" union all select {columns} from {parquet(self.path)}"


@dataclass(frozen=True)
class _Header:
    """A header found in text: its names, its delimiter as written, the index of its first line and of the one below."""

    names: list[str]
    delimiter: str
    first: int
    lines: int


def _find_text_header(block: LineBlock, reader: HeaderReader, job: Job) -> _Header:
    """Choose the line and the delimiter that name most contract columns; the first line where none does."""
    best: tuple[int, int, _Header] | None = None
    first: _Header | None = None
    tried = 0
    delimiters = ("\t", *(d for d in _DELIMITERS if d != "\t")) if job.file.format == "tsv" else _DELIMITERS
    for index, line in enumerate(block.lines):
        if index in block.faults or not line.strip():
            continue
        for delimiter in delimiters:
            found = _split_header(block, index, delimiter, job.limits)
            if found is None:
                continue
            score = reader.score(found.names)
            if first is None or (tried == 0 and score == 0 and len(found.names) > len(first.names)):
                first = found
            if score and (best is None or score > best[0]):
                best = (score, index, found)
        tried += 1
        if tried >= job.limits.header_search_rows:
            break
    if best is not None:
        return best[2]
    if first is None:
        raise UnreadableFileError("wrong_format", "No line at the beginning of the file can be split into columns.")
    return first


def _split_header(block: LineBlock, index: int, delimiter: str, limits: ReadingLimits) -> _Header | None:
    separator = SINGLE_BYTE_DELIMITER if len(delimiter.encode()) > 1 else delimiter
    grammar = grammar_of(separator.encode())
    record = b""
    for count, line in enumerate(block.lines[index : index + limits.header_search_rows], 1):
        record = record + b"\n" + line if count > 1 else line
        whole = record.removesuffix(b"\r").replace(delimiter.encode(), separator.encode())
        names = grammar.split(whole)
        if names is not None:
            decoded = [name.decode().replace(separator, delimiter).lstrip("\ufeff") for name in names]
            return _Header(decoded, delimiter, index, index + count)
        if not grammar.opens.fullmatch(whole):
            return None
    return None


def _rows_above(block: LineBlock, header: _Header, limits: ReadingLimits) -> list[BadRow]:
    """The lines above the header that are no titles: unusable ones, and those filled like a row.

    Where two exports are glued together, in two encodings for instance, the header of the second may be the only one
    that can be read; the rows of the first are then kept as bad ones.
    """
    grammar = grammar_of(header.delimiter.encode())
    found: list[BadRow] = []
    for index, line in enumerate(block.lines[: header.first]):
        number, fault = block.start + index, block.faults.get(index)
        if fault:
            found.append(BadRow(number, fault.reason, fault.raw))
            continue
        values = grammar.split(line.removesuffix(b"\r")) or line.split(grammar.delimiter)
        if 2 * sum(1 for value in values if value.strip()) > len(header.names) > 1:
            text = line.decode("utf-8", "replace")[: limits.kept_raw_characters]
            found.append(BadRow(number, "malformed_row", text))
    return found


def _after_header(block: LineBlock, lines: int) -> LineBlock:
    faults = {index - lines: fault for index, fault in block.faults.items() if index >= lines}
    return LineBlock(block.start + lines, block.lines[lines:], faults)


def _with_single_byte_delimiter(blocks: Iterator[LineBlock], delimiter: str) -> Iterator[LineBlock]:
    written, single = delimiter.encode(), SINGLE_BYTE_DELIMITER.encode()
    for block in blocks:
        yield LineBlock(block.start, [line.replace(written, single) for line in block.lines], block.faults)


def _first_block(blocks: Iterator[LineBlock]) -> LineBlock:
    for block in blocks:
        if block.faults or any(line.strip() for line in block.lines):
            return block
    raise UnreadableFileError("empty_file", "The file holds no text, not even a header. Deliver it again.")


def _read_delimited(job: Job) -> Reading:
    source = _text_source(job)
    encoding = detect_encoding(source, job.limits)
    reader = job.headers
    blocks = read_lines(source, encoding, job.limits)
    block = _first_block(blocks)
    header = _find_text_header(block, reader, job)
    rest = chain([_after_header(block, header.lines)], blocks)
    exchanged = len(header.delimiter.encode()) > 1
    delimiter = SINGLE_BYTE_DELIMITER if exchanged else header.delimiter
    framed_path = job.scratch / "framed.csv"
    bad = _BadRows(job.scratch / "bad.parquet")
    with framed_path.open("wb", buffering=1024 * 1024) as out:
        framer = Framer(delimiter.encode(), len(header.names), out, bad.add, job.limits, line_end(source))
        framed = framer.frame(_with_single_byte_delimiter(rest, header.delimiter) if exchanged else rest)
    for row in _rows_above(block, header, job.limits):
        bad.add(row)
        framed.bad += 1
        framed.errors[row.error] += 1
    bad.close()
    mapping = reader.map(header.names)
    problem = reader.problem(mapping, header.names)
    if problem:
        raise UnreadableFileError(problem.reason, problem.message, framed.rows)
    _reject_hopeless(framed, len(header.names), job.limits)

    def cell(position: int) -> str:
        sql = f"c{position}"
        if exchanged:
            sql = f"replace({sql}, {literal(delimiter)}, {literal(header.delimiter)})"
        if framed.escaped:
            restored = sql
            for written, meant in ESCAPES:
                restored = f"replace({restored}, {literal(written)}, {literal(meant)})"
            sql = f"case when l < 0 then {restored} else {sql} end"
        return sql

    columns = {"l": "BIGINT", **{f"c{position}": "VARCHAR" for position in range(len(header.names))}}
    schema = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items())
    values = {column: cell(positions[0]) for column, positions in mapping.positions.items()}
    extra = _extra_map({name: cell(position) for name, position in mapping.extras.items()})
    select = job.raw_columns(values, extra, "null::varchar", "null::varchar", "abs(l)")
    job.write(
        f"select {select} from read_csv({literal(str(framed_path))}, auto_detect = false, header = false, "
        f"columns = {{{schema}}}, delim = {literal(delimiter)}, quote = '\"', escape = '\"', new_line = '\\n', "
        f"strict_mode = true, max_line_size = {4 * job.limits.max_row_bytes}){bad.select(job)}"
    )
    return Reading(framed.rows, framed.bad, encoding, mapping, job.unnamed_in_use(mapping))


def _reject_hopeless(framed: Framed, width: int, limits: ReadingLimits) -> None:
    """Quarantine a file of which nothing, or hardly anything legible, is left."""
    undecodable = framed.errors["bad_encoding"]
    if undecodable * 2 > framed.rows and framed.rows >= limits.broken_file_rows:
        raise UnreadableFileError(
            "bad_encoding",
            f"{undecodable} of {framed.rows} rows are neither UTF-8 nor GB18030. Export the file again in one of them.",
            framed.rows,
        )
    if framed.good == 0 and framed.bad >= limits.broken_file_rows:
        worst, count = framed.errors.most_common(1)[0]
        raise UnreadableFileError(
            "wrong_format",
            f"Not one of {framed.rows} rows has the {width} columns of the header ({count} times {worst}). "
            "Check delimiter and quoting of the export.",
            framed.rows,
        )


def _read_json_lines(job: Job) -> Reading:
    source = _text_source(job)
    encoding: Encoding = detect_encoding(source, job.limits)
    framed_path = job.scratch / "framed.txt"
    bad = _BadRows(job.scratch / "bad.parquet")
    separator = SINGLE_BYTE_DELIMITER.encode()
    starts_with_array = False
    with framed_path.open("wb", buffering=1024 * 1024) as out:
        for block in read_lines(source, encoding, job.limits):
            for index, line in enumerate(block.lines):
                number = block.start + index
                if index in block.faults:
                    bad.add(BadRow(number, block.faults[index].reason, block.faults[index].raw))
                elif separator in line:
                    # A control character is not allowed in JSON; this one would split the line in two for DuckDB.
                    text = line.decode()[: job.limits.kept_raw_characters]
                    bad.add(BadRow(number, "malformed_row", text))
                elif line.strip():
                    starts_with_array = starts_with_array or (number == 1 and line.lstrip().startswith(b"["))
                    out.write(b"%d\x1f%b\n" % (number, line.replace(b"\r", b" ")))
    bad.close()
    lines = (
        f"(select l, j, case when json_valid(j) then json_type(j) = 'OBJECT' else false end as ok "
        f"from read_csv({literal(str(framed_path))}, auto_detect = false, header = false, "
        f"columns = {{'l': 'BIGINT', 'j': 'VARCHAR'}}, delim = {literal(SINGLE_BYTE_DELIMITER)}, quote = '', "
        f"escape = '', new_line = '\\n', max_line_size = {2 * job.limits.max_row_bytes}))"
    )
    counted = job.con.execute(f"select count(*), count(*) filter (ok) from {lines}").fetchone()
    total, good = counted or (0, 0)
    rows = total + bad.count
    if rows == 0:
        raise UnreadableFileError("empty_file", "The file holds no JSON object. Deliver it again.")
    if good == 0:
        hint = " This file looks like one JSON array: write its elements one a line." if starts_with_array else ""
        raise UnreadableFileError(
            "wrong_format", f"None of {rows} lines is a JSON object; JSON lines hold one object a line.{hint}", rows
        )
    keys = [
        key
        for (key,) in job.con.execute(
            f"select distinct unnest(case when ok then json_keys(j) end) as key from {lines} order by key"
        ).fetchall()
    ]
    reader = job.headers
    mapping = reader.map(keys, rows_choose=True)
    # Spellings such as "Phone" and "phone" are told apart by JSON; rows choose, so they are no duplicates.
    mapping = HeaderMapping(mapping.positions, mapping.extras, mapping.unnamed, mapping.mapped, mapping.missing, [])
    problem = reader.problem(mapping, keys)
    if problem:
        raise UnreadableFileError(problem.reason, problem.message, rows)
    paths = ", ".join(literal("/" + key.replace("~", "~0").replace("/", "~1")) for key in keys)
    values = {
        column: "coalesce(" + ", ".join(f"v[{position + 1}]" for position in positions) + ")"
        for column, positions in mapping.positions.items()
    }
    extra = _extra_map(_json_extras(mapping, keys))
    raw = f"case when not ok then left(j, {job.limits.kept_raw_characters}) end"
    select = job.raw_columns(values, extra, "case when not ok then 'malformed_row' end", raw, "l")
    job.write(
        f"select {select} from (select l, j, ok, case when ok then json_extract_string(j, [{paths}]) end as v "
        f"from {lines}){bad.select(job)}"
    )
    return Reading(rows, rows - good, encoding, mapping, mapping.unknown)


def _json_extras(mapping: HeaderMapping, keys: list[str]) -> dict[str, str]:
    """SQL of the undeclared keys, and of a second spelling of a column in a row that also fills a better one."""
    extras = {name: f"v[{position + 1}]" for name, position in mapping.extras.items()}
    for ranked in mapping.positions.values():
        for rank, position in enumerate(ranked[1:], 1):
            better = ", ".join(f"v[{other + 1}]" for other in ranked[:rank])
            extras[keys[position]] = f"case when coalesce({better}) is not null then v[{position + 1}] end"
    return extras


# --- parquet --------------------------------------------------------------------------------------------------------


def _read_parquet(job: Job) -> Reading:
    _require_magic(job, b"PAR1", "Parquet file")
    # DuckDB takes a name with [ or * for a pattern; a link with a plain name is taken literally.
    link = job.scratch / "delivered.parquet"
    link.symlink_to(job.file.path.resolve())
    try:
        names = list(pq.read_schema(link).names)
        described = job.con.execute(f"describe select * from {parquet(link)}").fetchall()
        counted = job.con.execute(f"select count(*) from {parquet(link)}").fetchone()
    except (pa.ArrowException, duckdb.Error, OSError) as error:
        if is_machine_fault(error):
            raise
        raise UnreadableFileError("unreadable", f"The Parquet file is damaged ({type(error).__name__}).") from error
    rows = int(counted[0]) if counted else 0
    if rows > job.limits.max_parquet_rows:
        raise UnreadableFileError(
            "archive_bomb",
            f"The Parquet file claims {rows} rows. If it is honest, raise max_parquet_rows in "
            "seeds/policy/reading_limits.csv.",
        )
    if len(names) != len(described):
        names = [row[0] for row in described]
    reader = job.headers
    mapping = reader.map(names)
    problem = reader.problem(mapping, names)
    if problem:
        raise UnreadableFileError(problem.reason, problem.message, rows)
    cells = [_as_text(identifier(row[0]), row[1]) for row in described]
    values = {column: cells[positions[0]] for column, positions in mapping.positions.items()}
    extra = _extra_map({name: cells[position] for name, position in mapping.extras.items()})
    numbered = "file_row_number" not in {row[0].casefold() for row in described}
    line = "file_row_number + 1" if numbered else "row_number() over ()"
    source = parquet(link, options="file_row_number = true" if numbered else "")
    try:
        bad_rows = job.write_cells(values, extra, line, cells, source)
    except duckdb.Error as error:
        if is_machine_fault(error):
            raise
        raise UnreadableFileError(
            "unreadable", f"The Parquet file is damaged ({type(error).__name__}).", rows
        ) from error
    return Reading(rows, bad_rows, None, mapping, mapping.unknown)


def _as_text(column: str, kind: str) -> str:
    """SQL that writes a typed Parquet value as the text a CSV export would hold."""
    if kind == "VARCHAR":
        return column
    if kind in ("DOUBLE", "FLOAT"):
        whole = f"{column} = trunc({column}) and abs({column}) < 1e18"
        return f"case when {whole} then {column}::bigint::varchar else {column}::varchar end"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"({column} at time zone 'UTC')::varchar || '+00:00'"
    if kind == "BLOB":
        return f"coalesce(try(decode({column})), hex({column}))"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({column})::varchar"
    return f"{column}::varchar"


def _require_magic(job: Job, magic: bytes, kind: str) -> None:
    with job.file.path.open("rb") as stream:
        if stream.read(len(magic)) != magic:
            raise UnreadableFileError("wrong_format", f"The name says so, but this is no {kind}.")


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]


# --- Excel ----------------------------------------------------------------------------------------------------------

_ZIP_BLOCK_BYTES = 4 * 1024 * 1024
_LONGEST_TAG = 1024 * 1024
# Tags of a sheet's XML, with any namespace prefix, their references in either kind of quotes.
_CELL = re.compile(rb"<(?:\w{1,20}:)?c[\s>]")
_ROW = re.compile(rb"<(?:\w{1,20}:)?row[\s>/]")
_ROW_OR_CELL = re.compile(rb"<(?:\w{1,20}:)?(c|row)[\s>/]")
_CELL_REFERENCE = re.compile(rb"<(?:\w{1,20}:)?c\s[^<]*?\br\s*=\s*[\"']\$?([A-Za-z]{1,7})\$?(\d{1,18})")
_ROW_REFERENCE = re.compile(rb"<(?:\w{1,20}:)?row\s[^<]*?\br\s*=\s*[\"'](\d{1,18})")

_Cell = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta


def _read_workbook(job: Job) -> Reading:
    _require_magic(job, b"PK", "Excel workbook (.xlsx)")
    _guard_archive(job)
    with _damaged_workbooks():
        return _read_sheets(job)


@contextmanager
def _damaged_workbooks() -> Iterator[None]:
    """Turn whatever the Excel library says of a damaged workbook into a reason."""
    try:
        yield
    except (CalamineError, ValueError) as error:
        raise UnreadableFileError("unreadable", f"The workbook cannot be read ({type(error).__name__}).") from error
    except BaseException as error:
        # The library's parser may panic, which Python sees as an error outside the family of Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableFileError("unreadable", "The workbook is damaged. Save it again as .xlsx.") from error


def _read_sheets(job: Job) -> Reading:
    workbook = CalamineWorkbook.from_path(str(job.file.path))
    sheets = [sheet for name in workbook.sheet_names if (sheet := workbook.get_sheet_by_name(name)).height > 0]
    if not sheets:
        raise UnreadableFileError("empty_file", "The workbook holds no filled sheet. Deliver it again.")
    reader = job.headers
    # A cover sheet may come first: the first sheet with a usable header is the one that is meant.
    headers = [_find_sheet_header(sheet, reader, job.limits) for sheet in sheets]
    mappings = [reader.map(names) for names, _ in headers]
    usable = [i for i, m in enumerate(mappings) if reader.problem(m, headers[i][0]) is None]
    chosen = usable[0] if usable else 0
    names, header_row = headers[chosen]
    mapping = mappings[chosen]
    problem = reader.problem(mapping, names)
    if problem:
        rows = sum(1 for _ in _data_rows(sheets[chosen], header_row))
        raise UnreadableFileError(problem.reason, problem.message, rows)
    # Long exports go on in a second sheet, and chains give each shop one. What is hidden was put away by somebody.
    hidden = {sheet.name for sheet in workbook.sheets_metadata if sheet.visible != SheetVisibleEnum.Visible}
    read = [i for i in usable if i == chosen or (headers[i][0] == names and sheets[i].name not in hidden)]
    cells_path = job.scratch / "cells.parquet"
    rows = _write_cells([(sheets[i], headers[i][1]) for i in read], len(names), cells_path)
    values = {column: f"c{positions[0]}" for column, positions in mapping.positions.items()}
    extra = _extra_map({name: f"c{position}" for name, position in mapping.extras.items()})
    cells = [f"c{position}" for position in range(len(names))]
    bad_rows = job.write_cells(values, extra, "l", cells, parquet(cells_path))
    message = _sheets_told(sheets, read)
    return Reading(rows, bad_rows, None, mapping, job.unnamed_in_use(mapping), message)


def _sheets_told(sheets: list[CalamineSheet], read: list[int]) -> str | None:
    """Which sheets of a workbook were read, by their places, and which were not; None where there is but one."""
    unread = ", ".join(repr(sheet.name) for i, sheet in enumerate(sheets) if i not in read)
    first, *others = (sheets[i].name for i in read)
    if not others:
        return f"Only sheet {first!r} was read; not read: {unread}." if unread else None
    begins = [sum(_last_row(sheets[i]) for i in read[:place]) + 1 for place in range(1, len(read))]
    lines = ", ".join(f"row 1 of {name!r} is line {line}" for name, line in zip(others, begins, strict=True))
    return f"Sheets of one header were read as one: {first!r} and on; {lines}." + (
        f" Not read: {unread}." if unread else ""
    )


def _guard_archive(job: Job) -> None:
    """Unpack the workbook once, in pieces, before the Excel library does so whole: it may be a bomb.

    Raises:
        UnreadableFileError: `truncated_archive`, or `archive_bomb`: too many bytes, or a sheet that spans too many
            cells (the library keeps one for every place between the first and the last, even if only two are filled).
    """
    packed = job.file.path.stat().st_size
    limits = job.limits
    ceiling = min(limits.max_unpacked_bytes, max(limits.ratio_free_bytes, packed * limits.max_unpacked_ratio))
    unpacked = 0
    try:
        with zipfile.ZipFile(job.file.path) as archive:
            for entry in archive.infolist():
                spanned = SheetSpan()
                with archive.open(entry) as stream:
                    while block := stream.read(_ZIP_BLOCK_BYTES):
                        unpacked += len(block)
                        if unpacked > ceiling:
                            raise _bomb(f"unpacks to more than {ceiling} bytes", packed, "max_unpacked_ratio")
                        spanned.take(block)
                        if spanned.cells > limits.max_sheet_cells:
                            raise _bomb(
                                f"has a sheet of {spanned.rows} rows by {spanned.columns} columns, more than "
                                f"{limits.max_sheet_cells} cells; look for a stray cell far below or to the right",
                                packed,
                                "max_sheet_cells",
                            )
    # zipfile says what is broken in as many ways: BadZipFile a bad structure, zlib.error bad data, EOFError a cut end,
    # OSError and ValueError a bad offset or name, RuntimeError an encrypted entry or (NotImplementedError is one) a way
    # of packing it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        if is_machine_fault(error):
            raise
        raise UnreadableFileError(
            "truncated_archive",
            f"The workbook's archive is damaged or incomplete ({_first_line(error)}). Deliver it again.",
        ) from error


def _bomb(what: str, packed: int, limit: str) -> UnreadableFileError:
    return UnreadableFileError(
        "archive_bomb",
        f"The workbook of {packed} bytes {what}. If it is honest, raise {limit} in seeds/policy/reading_limits.csv.",
    )


class SheetSpan:
    """How many rows and columns the cells of a sheet's XML may span, told piece by piece; what is no sheet spans none.

    A row or cell without a reference follows the one before it, so those are counted on top of the last reference.
    """

    def __init__(self) -> None:
        self._last_row = self._last_column = 0
        self._more_rows = self._more_columns = self._in_this_row = 0
        self._rest = b""

    @property
    def rows(self) -> int:
        """Rows down to the last cell, at most."""
        return self._last_row + self._more_rows

    @property
    def columns(self) -> int:
        """Columns up to the last cell, at most."""
        return self._last_column + self._more_columns

    @property
    def cells(self) -> int:
        """Places between the first and the last cell, at most."""
        return self.rows * self.columns

    def take(self, block: bytes) -> None:
        """Read on; a tag cut off at the end of a piece is completed by the next."""
        text = self._rest + block
        cut = max(text.rfind(b"<"), 0)
        text, self._rest = text[:cut], text[cut : cut + _LONGEST_TAG]
        cells, rows = _CELL_REFERENCE.findall(text), _ROW_REFERENCE.findall(text)
        self._last_column = max([self._last_column, *map(_column_number, {column for column, _ in cells})])
        self._last_row = max([self._last_row, *map(int, rows), *map(int, {row for _, row in cells})])
        self._more_rows += len(_ROW.findall(text)) - len(rows)
        if len(_CELL.findall(text)) > len(cells):
            for tag in _ROW_OR_CELL.findall(text):
                self._in_this_row = self._in_this_row + 1 if tag == b"c" else 0
                self._more_columns = max(self._more_columns, self._in_this_row)


def _column_number(letters: bytes) -> int:
    """The number of the column that a sheet calls A, B, … XFD."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _find_sheet_header(sheet: CalamineSheet, reader: HeaderReader, limits: ReadingLimits) -> tuple[list[str], int]:
    """The names and the 0-based row of the header: the row that names most columns, else the first filled one."""
    best: tuple[int, list[str], int] | None = None
    tried = 0
    for index, row in enumerate(sheet.iter_rows()):
        names = [_cell_text(cell) or "" for cell in row]
        if not any(name.strip() for name in names):
            continue
        score = reader.score(names)
        if best is None or score > best[0]:
            best = (score, names, index)
        tried += 1
        if tried >= limits.header_search_rows:
            break
    if best is None:
        return [], 0
    return best[1], best[2]


def _last_row(sheet: CalamineSheet) -> int:
    """The 1-based number of the last filled row."""
    return sheet.end[0] + 1 if sheet.end else 0


def _data_rows(sheet: CalamineSheet, header_row: int) -> Iterator[tuple[int, list[str | None]]]:
    """Rows below the header that hold anything, with their 1-based sheet row."""
    for index, row in enumerate(sheet.iter_rows()):
        if index > header_row:
            cells = [_cell_text(cell) for cell in row]
            if any(cell is not None and cell.strip() for cell in cells):
                yield index + 1, cells


def _write_cells(sheets: list[tuple[CalamineSheet, int]], width: int, path: Path) -> int:
    """Write the rows below the header of each sheet, whose lines go on from one sheet to the next; return how many."""
    schema = pa.schema([("l", pa.int64()), *((f"c{position}", pa.string()) for position in range(width))])
    rows = before = 0
    lines: list[int] = []
    columns: list[list[str | None]] = [[] for _ in range(width)]
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for sheet, header_row in sheets:
            for line, cells in _data_rows(sheet, header_row):
                lines.append(before + line)
                for position in range(width):
                    columns[position].append(cells[position] if position < len(cells) else None)
                rows += 1
                if len(lines) == _BATCH_ROWS:
                    writer.write_table(pa.table([lines, *columns], schema=schema))
                    lines, columns = [], [[] for _ in range(width)]
            before += _last_row(sheet)
        writer.write_table(pa.table([lines, *columns], schema=schema))
    return rows


def _cell_text(cell: _Cell) -> str | None:
    """Write a cell as text: whole numbers without `.0`, dates as ISO 8601."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return f"{cell:.0f}" if cell.is_integer() and abs(cell) < 1e22 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ")
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell)
