"""From the bytes of a delivered text file to numbered lines of UTF-8, in bounded memory.

What belongs here: unpacking, encodings, line ends, lines that are too long. What does not: fields and quotes (framing).
"""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from orchestration.ingestion.limits import ReadingLimits
from orchestration.ingestion.problems import UnreadableFileError

Encoding = Literal["utf-8", "utf-8-sig", "gb18030"]

BLOCK_BYTES = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
# The least byte that begins a character of three or four bytes in UTF-8.
_FIRST_OF_THREE = 0xE0
# A quoted text, which may hold line breaks of its own.
_QUOTED = re.compile(rb'"[^"]*+"')
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
# What a file really is, by its first bytes, when its name says text.
_MAGIC = {
    b"\x1f\x8b": "a gzip archive (name it .gz)",
    b"PK\x03\x04": "a zip archive or an Excel workbook (name it .xlsx)",
    b"PAR1": "a Parquet file (name it .parquet)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (save it as .xlsx)",
    b"%PDF": "a PDF",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
}


@dataclass
class LineFault:
    """A line that cannot be used: why, and its first characters."""

    reason: Literal["bad_encoding", "row_too_long"]
    raw: str


@dataclass
class LineBlock:
    """Consecutive physical lines in UTF-8 without their ends.

    `faults` maps an index of `lines` to what is wrong with that line; its entry in `lines` is then empty.
    """

    start: int
    lines: list[bytes]
    faults: dict[int, LineFault] = field(default_factory=dict)


def unpack(path: Path, target: Path, limits: ReadingLimits) -> None:
    """Gunzip `path` into `target`, within the limits.

    Raises:
        UnreadableFileError: `wrong_format`, `truncated_archive`, `archive_bomb` or `unreadable`.
        OSError: the target cannot be written.
    """
    packed = path.stat().st_size
    if packed == 0:
        raise UnreadableFileError("empty_file", "The file holds no bytes. Deliver it again.")
    ceiling = min(limits.max_unpacked_bytes, max(limits.ratio_free_bytes, packed * limits.max_unpacked_ratio))
    written = 0
    with path.open("rb") as stream:
        if stream.read(2) != b"\x1f\x8b":
            raise UnreadableFileError("wrong_format", "The name says .gz, but this is no gzip archive.")
    with target.open("wb") as out, gzip.open(path, "rb") as archive:
        while True:
            try:
                block = archive.read(BLOCK_BYTES)
            except EOFError as error:
                raise UnreadableFileError(
                    "truncated_archive", "The gzip archive ends too early: the transfer broke off. Deliver it again."
                ) from error
            except (zlib.error, gzip.BadGzipFile) as error:
                raise UnreadableFileError(
                    "unreadable", f"The gzip archive is damaged ({error}). Deliver it again."
                ) from error
            if not block:
                return
            written += len(block)
            if written > ceiling:
                raise UnreadableFileError(
                    "archive_bomb",
                    f"The archive of {packed} bytes unpacks to more than {ceiling} bytes. If it is honest, raise "
                    "max_unpacked_ratio or max_unpacked_bytes in seeds/policy/reading_limits.csv.",
                )
            out.write(block)


def unpack_beginning(path: Path, target: Path, compressed: bool, size: int) -> None:
    """Copy whole lines from the beginning of a text file, unpacked, about `size` bytes of them.

    Raises:
        UnreadableFileError: `wrong_format` or `unreadable` for what is no gzip archive or a damaged one.
    """
    try:
        with gzip.open(path, "rb") if compressed else path.open("rb") as stream:
            head = stream.read(size)
            whole = len(head) < size
    except EOFError as error:
        raise UnreadableFileError("truncated_archive", "The gzip archive ends too early. Deliver it again.") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFileError("unreadable", f"The gzip archive is damaged ({error}). Deliver it again.") from error
    end = max(head.rfind(b"\n"), head.rfind(b"\r")) + 1
    target.write_bytes(head if whole or not end else head[:end])


def detect_encoding(path: Path, limits: ReadingLimits) -> Encoding:
    """Tell the encoding of a text file from its mark, else from the lines that are not plain ASCII.

    A line of Chinese text that is valid UTF-8 is hardly ever anything else, so such lines vote: a few broken
    lines do not turn a UTF-8 file into a GBK one. Lines of no character longer than two bytes say nothing, for one in
    seven of the common Chinese characters in GBK, 女 and 伟 among them, is such a character of UTF-8.

    Raises:
        UnreadableFileError: `empty_file`, `wrong_format` (another kind of file), `bad_encoding` (UTF-16 or binary).
    """
    with path.open("rb") as stream:
        head = stream.read(65536)
        _reject_other_kinds(head)
        if head.startswith(_BOM):
            return "utf-8-sig"
        stream.seek(0)
        votes: Counter[Encoding | None] = Counter()
        rest = b""
        while votes.total() < limits.encoding_sample_lines and (block := stream.read(BLOCK_BYTES)):
            if block.isascii() and rest.isascii():
                rest = b""
                continue
            lines = (rest + block).splitlines()
            # The last line of a block may be cut; the next block completes it, unless it is past any honest length.
            rest = lines.pop() if len(lines[-1]) < limits.max_row_bytes else b""
            votes.update(_votes(lines))
        votes.update(_votes([rest]))
    return "utf-8" if votes["gb18030"] == 0 or votes["utf-8"] > votes["gb18030"] else "gb18030"


def _reject_other_kinds(head: bytes) -> None:
    if not head.removeprefix(_BOM).strip():
        raise UnreadableFileError("empty_file", "The file holds no text, not even a header. Deliver it again.")
    if head.startswith(_UTF16_BOMS):
        raise UnreadableFileError("bad_encoding", "The file is UTF-16. Save it as UTF-8, GBK or GB18030.")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            raise UnreadableFileError("wrong_format", f"The name says text, but this is {kind}.")
    nuls = head.count(0)
    if nuls * 4 > len(head):
        raise UnreadableFileError("bad_encoding", "The file looks like UTF-16 or UTF-32. Save it as UTF-8 or GB18030.")
    control = sum(head.count(c) for c in (*range(1, 9), *range(14, 27)))
    if (nuls + control) * 20 > len(head):
        raise UnreadableFileError("wrong_format", "The name says text, but the file is binary.")


def _votes(lines: list[bytes]) -> Iterator[Encoding | None]:
    """What each line beyond ASCII speaks for; None where it may be both or is neither."""
    for line in lines:
        if line.isascii():
            continue
        if _decodes(line, "utf-8"):
            yield "utf-8" if max(line) >= _FIRST_OF_THREE else None
        else:
            yield "gb18030" if _decodes(line, "gb18030") else None


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def line_end(path: Path) -> bytes:
    r"""Tell the line end: `\r` only when the file's beginning has no `\n` outside quotes; `\r\n` counts as `\n`."""
    with path.open("rb") as stream:
        while head := stream.read(BLOCK_BYTES):
            if b"\r" in head.replace(b"\r\n", b"\n"):
                # Excel for Mac ends rows with `\r` and writes the line breaks within a cell as `\n`.
                outside = _QUOTED.sub(b"", head)
                return b"\n" if b"\n" in outside or b"\r" not in outside else b"\r"
            if b"\n" in head:
                return b"\n"
    return b"\n"


def read_lines(path: Path, encoding: Encoding, limits: ReadingLimits) -> Iterator[LineBlock]:
    r"""Stream a text file as blocks of numbered UTF-8 lines.

    Lines end where `line_end` says; a `\r` before `\n` stays at the end of its line, because inside quotes it
    belongs to the text. Memory is bounded by the block and row limits whatever the file holds.
    """
    end = line_end(path)
    number = 1
    with path.open("rb") as stream:
        if encoding == "utf-8-sig":
            stream.seek(len(_BOM))
        for text, too_long in _whole_lines(stream, end, limits.max_row_bytes):
            if too_long:
                fault = LineFault("row_too_long", _shorten(text, encoding, limits))
                yield LineBlock(number, [b""], {0: fault})
                number += 1
                continue
            block = _decode_block(text, number, encoding, end, limits)
            yield block
            number += len(block.lines)


def _whole_lines(stream: BinaryIO, end: bytes, longest: int) -> Iterator[tuple[bytes, bool]]:
    """Cut a stream into runs of whole lines, without the last line end; a line past `longest` comes alone and cut."""
    carry = b""
    skipping = False
    while block := stream.read(BLOCK_BYTES):
        if skipping:
            position = block.find(end)
            if position < 0:
                continue
            yield carry, True
            carry, skipping, block = b"", False, block[position + 1 :]
        data = carry + block
        cut = data.rfind(end)
        if cut >= 0:
            yield data[:cut], False
            carry = data[cut + 1 :]
        else:
            carry = data
        if len(carry) > longest:
            carry, skipping = carry[:longest], True
    if skipping:
        yield carry, True
    elif carry:
        yield carry, False


def _decode_block(text: bytes, start: int, encoding: Encoding, end: bytes, limits: ReadingLimits) -> LineBlock:
    """Turn one run of lines into UTF-8; lines that do not decode become faults, the others stay."""
    faults: dict[int, LineFault] = {}
    try:
        decoded = text.decode("gb18030" if encoding == "gb18030" else "utf-8")
        lines = (decoded.encode() if encoding == "gb18030" else text).split(end)
    except UnicodeDecodeError:
        lines = text.split(end)
        for index, line in enumerate(lines):
            try:
                lines[index] = line.decode("gb18030" if encoding == "gb18030" else "utf-8").encode()
            except UnicodeDecodeError:
                faults[index] = LineFault("bad_encoding", _shorten(line, encoding, limits))
                lines[index] = b""
    if max(map(len, lines)) > limits.max_row_bytes:
        for index, line in enumerate(lines):
            if len(line) > limits.max_row_bytes:
                faults[index] = LineFault("row_too_long", _shorten(line, "utf-8", limits))
                lines[index] = b""
    return LineBlock(start, lines, faults)


def _shorten(line: bytes, encoding: Encoding, limits: ReadingLimits) -> str:
    """Text of an unusable line, cut to the policy length, with undecodable bytes replaced."""
    # Four bytes are the most that one character takes in any of the encodings.
    text = line[: limits.kept_raw_characters * 4].decode("gb18030" if encoding == "gb18030" else "utf-8", "replace")
    return text[: limits.kept_raw_characters]
