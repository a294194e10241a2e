r"""From lines to records: where each row begins and ends, and which rows cannot be split into the header's columns.

What belongs here: quotes, delimiters, line breaks inside quotes, and the rewriting of each good row as one physical
line that starts with its line number, so that DuckDB's CSV parser sees nothing but strict, single-line rows. What does
not: encodings (decoding), the meaning of headers (headers), typing (cleaning).

A quote opens only at the start of a field. A quoted text that runs over lines is accepted only if the whole record then
has the header's number of fields; otherwise its first line alone is faulty and reading resumes one line below, so an
unclosed quote never swallows the rows after it.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import BinaryIO, Literal

from orchestration.ingestion.decoding import LineBlock, LineFault
from orchestration.ingestion.limits import ReadingLimits

RowError = Literal["wrong_field_count", "malformed_row", "bad_encoding", "row_too_long"]

# A row that holds a line break is written with these escapes and a negative line number.
_ESCAPE = b"\x1e"
ESCAPES: tuple[tuple[str, str], ...] = (("\x1e2", "\r"), ("\x1e1", "\n"), ("\x1e0", "\x1e"))
# A delimiter of several bytes is exchanged for this one before framing.
SINGLE_BYTE_DELIMITER = "\x1f"


@dataclass
class BadRow:
    """A row that could not be split: its first line, why, and its text."""

    line: int
    error: RowError
    raw: str


@dataclass
class Framed:
    """What framing found; `escaped` says whether any row needs its line breaks put back."""

    good: int = 0
    bad: int = 0
    escaped: bool = False
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """Rows of the file, good and bad."""
        return self.good + self.bad


class Grammar:
    """The rules of one delimiter, as regular expressions without backtracking."""

    def __init__(self, delimiter: bytes) -> None:
        d = re.escape(delimiter)
        quoted = rb'"(?:[^"]++|"")*+"'
        plain = rb'(?:[^"' + d + rb"][^" + d + rb"]*+)?+"
        strict = rb"(?:" + quoted + rb'|[^"' + d + rb"]*+)"
        blanks = rb"[ ]*+" if delimiter == b"\t" else rb"[ \t]*+"
        loose = rb"(?:" + quoted + blanks + rb"|" + plain + rb")"
        inside = rb'(?:[^"]++|"")*+'
        self.delimiter = delimiter
        self.strict = re.compile(strict + rb"(?:" + d + strict + rb")*+", re.DOTALL)
        self.loose = re.compile(loose + rb"(?:" + d + loose + rb")*+", re.DOTALL)
        self.opens = re.compile(rb"(?:" + loose + d + rb')*+"' + inside, re.DOTALL)
        reopens = rb'"' + blanks + d + rb"(?:" + loose + d + rb')*+"' + inside
        self.stays_open = re.compile(inside + rb"(?:" + reopens + rb")?", re.DOTALL)
        self.closes = re.compile(inside + rb'"' + blanks + rb"(?:" + d + loose + rb")*+", re.DOTALL)
        self.field = re.compile(rb"(" + quoted + rb")" + blanks + rb"|" + plain, re.DOTALL)
        self.quoted = re.compile(quoted, re.DOTALL)

    def split(self, record: bytes) -> list[bytes] | None:
        """Split a whole record into unquoted values; None where it breaks the grammar."""
        values: list[bytes] = []
        position = 0
        while True:
            found = self.field.match(record, position)
            if found is None:
                return None
            whole, quoted = found.group(0), found.group(1)
            values.append(quoted[1:-1].replace(b'""', b'"') if quoted is not None else whole)
            position = found.end()
            if position == len(record):
                return values
            if not record.startswith(self.delimiter, position):
                return None
            position += len(self.delimiter)

    def join(self, values: list[bytes]) -> bytes:
        """Write values as one strict record."""
        return self.delimiter.join(b'"' + v.replace(b'"', b'""') + b'"' for v in values)


@cache
def grammar_of(delimiter: bytes) -> Grammar:
    """The grammar of a delimiter, made once: every file tries several on its first lines."""
    return Grammar(delimiter)


class Framer:
    """Frames the records below the header of one delimited file.

    `out` receives one physical line per good row: its line number (negative when escaped), then exactly `width`
    fields. `bad` is called with every other row.
    """

    def __init__(
        self,
        delimiter: bytes,
        width: int,
        out: BinaryIO,
        bad: Callable[[BadRow], None],
        limits: ReadingLimits,
        line_end: bytes = b"\n",
    ) -> None:
        self.grammar = grammar_of(delimiter)
        self.delimiter = delimiter
        self.width = width
        self.out = out
        self.report = bad
        self.limits = limits
        self.line_end = line_end
        self._between = b'"' + delimiter + b'"'
        self.result = Framed()
        self._open: list[tuple[int, bytes]] = []
        self._open_bytes = 0

    def frame(self, blocks: Iterable[LineBlock]) -> Framed:
        """Frame every block, in order, and close the last record."""
        for block in blocks:
            if self._open or block.faults or not self._frame_plain(block):
                faults = {block.start + index: fault for index, fault in block.faults.items()}
                self._drain(deque(enumerate(block.lines, block.start)), faults)
        while self._open:
            queue: deque[tuple[int, bytes]] = deque()
            self._give_up_open(queue)
            self._drain(queue, {})
        return self.result

    def _frame_plain(self, block: LineBlock) -> bool:
        """Write a block of rows that are plain, or quoted throughout, in one go; False when it is not that simple."""
        text = b"\n".join(block.lines)
        if b"\r" in text:
            text = (text + b"\n").replace(b"\r\n", b"\n")[:-1]
            if b"\r" in text:
                return False
        lines = text.split(b"\n")
        if len(lines) != len(block.lines):
            return False
        delimiter, expected = self.delimiter, self.width - 1
        if b'"' in text:
            if not all(map(self._is_simply_quoted, lines)):
                return False
            written = [b"%d%b%b\n" % (n, delimiter, line) for n, line in enumerate(lines, block.start)]
        elif all(lines) and all(line.count(delimiter) == expected for line in lines):
            written = [b"%d%b%b\n" % (n, delimiter, line) for n, line in enumerate(lines, block.start)]
        else:
            written = []
            for number, line in enumerate(lines, block.start):
                if line.count(delimiter) == expected and line:
                    written.append(b"%d%b%b\n" % (number, delimiter, line))
                else:
                    self._plain_line(number, line)
        self.out.writelines(written)
        self.result.good += len(written)
        return True

    def _plain_line(self, number: int, line: bytes) -> None:
        """Take one line without quotes."""
        if not line.strip():
            return
        surplus = line.count(self.delimiter) + 1 - self.width
        if surplus > 0 and line.endswith(self.delimiter * surplus):
            # Spreadsheets end every row with as many delimiters as the widest one; the fields are still told apart.
            line = line[: -surplus * len(self.delimiter)]
        elif surplus != 0:
            self._bad(number, "wrong_field_count", line)
            return
        self._good(number, line)

    def _drain(self, queue: deque[tuple[int, bytes]], faults: dict[int, LineFault]) -> None:
        """Take numbered lines one by one; the slow way, for blocks with quotes or faults."""
        while queue:
            number, line = queue.popleft()
            fault = faults.get(number)
            if fault:
                if self._open:
                    queue.appendleft((number, line))
                    self._give_up_open(queue)
                    continue
                self.result.bad += 1
                self.result.errors[fault.reason] += 1
                self.report(BadRow(number, fault.reason, fault.raw))
            elif self._open:
                self._continue_open(number, line, queue)
            else:
                self._begin(number, line)

    def _begin(self, number: int, line: bytes) -> None:
        record = line.removesuffix(b"\r")
        if b'"' not in record:
            self._plain_line(number, record)
        elif self._is_simply_quoted(record):
            self._good(number, record)
        elif self.grammar.strict.fullmatch(record):
            self._whole_record(number, record)
        elif self.grammar.opens.fullmatch(line):
            self._open = [(number, line)]
            self._open_bytes = len(line)
        elif self.grammar.loose.fullmatch(record):
            self._rewrite(number, record)
        else:
            self._bad(number, "malformed_row", record)

    def _is_simply_quoted(self, record: bytes) -> bool:
        """Every field quoted, no quote inside: the commonest quoting, told by counting."""
        return (
            record.count(b'"') == 2 * self.width
            and record.count(self._between) == self.width - 1
            and record[:1] == b'"' == record[-1:]
            # A value may itself begin or end with the delimiter; then counting does not tell.
            and not record.startswith(self._between)
            and not record.endswith(self._between)
            and b"\r" not in record
        )

    def _whole_record(self, number: int, record: bytes) -> None:
        if self.grammar.quoted.sub(b"", record).count(self.delimiter) == self.width - 1:
            self._good(number, record)
        else:
            self._rewrite(number, record)

    def _rewrite(self, number: int, record: bytes) -> None:
        """Write a record that is legible but not strict, or that has empty fields to spare."""
        values = self.grammar.split(record)
        if values is None:
            self._bad(number, "malformed_row", record)
            return
        if any(values[self.width :]) or len(values) < self.width:
            self._bad(number, "wrong_field_count", record)
            return
        self._good(number, self.grammar.join(values[: self.width]))

    def _continue_open(self, number: int, line: bytes, queue: deque[tuple[int, bytes]]) -> None:
        self._open.append((number, line))
        self._open_bytes += len(line) + 1
        if b'"' not in line or self.grammar.stays_open.fullmatch(line):
            if len(self._open) > self.limits.max_quoted_lines or self._open_bytes > self.limits.max_row_bytes:
                self._give_up_open(queue)
            return
        record = self.line_end.join(text for _, text in self._open).removesuffix(b"\r")
        values = self.grammar.split(record) if self.grammar.closes.fullmatch(line.removesuffix(b"\r")) else None
        if values is None or len(values) < self.width or any(values[self.width :]):
            self._give_up_open(queue)
            return
        first = self._open[0][0]
        self._open = []
        self._good(first, self.grammar.join(values[: self.width]))

    def _give_up_open(self, queue: deque[tuple[int, bytes]]) -> None:
        """The open quote was never closed: its line is faulty, the lines after it are read afresh."""
        (number, line), *rest = self._open
        self._open = []
        self._bad(number, "malformed_row", line.removesuffix(b"\r"))
        queue.extendleft(reversed(rest))

    def _good(self, number: int, record: bytes) -> None:
        if b"\n" in record or b"\r" in record:
            record = record.replace(_ESCAPE, b"\x1e0").replace(b"\n", b"\x1e1").replace(b"\r", b"\x1e2")
            number = -number
            self.result.escaped = True
        self.out.write(b"%d%b%b\n" % (number, self.delimiter, record))
        self.result.good += 1

    def _bad(self, number: int, error: RowError, record: bytes) -> None:
        self.result.bad += 1
        self.result.errors[error] += 1
        text = record[: self.limits.kept_raw_characters * 4].decode("utf-8", "replace")
        self.report(BadRow(number, error, text[: self.limits.kept_raw_characters]))
