"""Deliveries made to hurt: rows with a mark each, in every format and encoding, then damaged byte by byte.

A mark is a text that occurs once in everything that is delivered, so what became of a row can be told from outside.
"""

import csv
import gzip
import io
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from data_quality.contract import Contract
from tests.hostile.cases import nasty

MARK = re.compile(r"Q\d{7}Z")
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "latin-1", "cp1252", "shift_jis"]
JUNK = [
    *(b"\x00", b'"', b"\r", b"\n", b"\r\n", b"\xff\xfe", b"\x1e", b"\x1f", b",", b"\t", b"\xef\xbb\xbf", b"\x80"),
    *(b"\x81\x30\x81\x30", b"\xe4\xbd", b"\xc2\x85", b"\xe2\x80\xa8", b"\x1a", b"{", b"}", b"[", b"\\", b"\xff" * 9),
]


@dataclass(frozen=True)
class Delivered:
    """A file as it lies in the landing zone; `intact` says that its bytes are as its writer left them."""

    name: str
    content: bytes
    intact: bool


class Marks:
    """Gives every row a mark of its own."""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self) -> str:
        self.last += 1
        return f"Q{self.last:07d}Z"


def make_file(draw: random.Random, contract: Contract, marks: Marks, number: int) -> Delivered:
    """One file of a dataset, whole or damaged."""
    header = _header(draw, contract)
    rows = [_row(draw, contract, marks()) for _ in range(draw.randint(0, 12))]
    if rows and draw.random() < 0.3:
        rows += draw.choices(rows, k=2)
    ending, write = draw.choice(_WRITERS)
    content = write(draw, header, [[row.get(column) for column in contract.columns] for row in rows])
    intact = draw.random() < 0.4
    if not intact:
        content = damage(draw, content)
    name = draw.choice(["", "_store", " (2)", "'; drop--", "\u202e", "门店", "-%s", "[*]", "$(id)"])
    return Delivered(f"{contract.dataset}{number}{name}.{ending}", content, intact)


def _header(draw: random.Random, contract: Contract) -> list[str]:
    names = [draw.choice([name, *column.aliases]) for name, column in contract.columns.items()]
    if draw.random() < 0.1:
        names[draw.randrange(len(names))] = nasty(draw)
    return [name.upper() if draw.random() < 0.1 else name for name in names]


def _row(draw: random.Random, contract: Contract, mark: str) -> dict[str, str]:
    """A row whose key holds its mark; the rest is good here and nasty there."""
    good = {"integer": "1", "decimal": "10.50", "timestamp": "2025-03-01 10:00:00", "date": "1990-01-01"}
    row: dict[str, str] = {}
    for name, column in contract.columns.items():
        kind = draw.random()
        if name == contract.key[0]:
            row[name] = mark
        elif kind < 0.2:
            row[name] = nasty(draw)
        elif column.type in good:
            row[name] = good[column.type]
        elif column.values:
            row[name] = draw.choice(sorted(column.values))
        elif kind < 0.8 or column.required:
            row[name] = "A1"
    return row


def damage(draw: random.Random, content: bytes) -> bytes:
    """Change some bytes: flipped, cut out, put in, doubled, cut off."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 6)):
        at, kind = draw.randrange(len(data) + 1), draw.randrange(6)
        end = min(len(data), at + draw.choice([1, 2, 7, 60]))
        if kind == 0 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del data[at:end]
        elif kind == 2:
            data[at:at] = draw.choice(JUNK) * draw.choice([1, 1, 1, 40])
        elif kind == 3:
            data[at:at] = data[at:end]
        elif kind == 4 and draw.random() < 0.3:
            del data[at:]
        else:
            data[at:end] = bytes(draw.randrange(256) for _ in range(end - at))
    return bytes(data)


def _text(draw: random.Random, text: str) -> bytes:
    encoding = draw.choice(ENCODINGS)
    encoded = text.encode(encoding, "replace")
    if draw.random() < 0.1:
        # Two exports glued together, each in its own encoding.
        encoded += text.encode("gb18030", "replace")
    return encoded


def _delimited(delimiter: str | None) -> Callable[..., bytes]:
    def write(draw: random.Random, header: list[str], rows: list[list[str | None]]) -> bytes:
        out = io.StringIO()
        if draw.random() < 0.2:
            out.write("销售日报\n\n")
        sign = delimiter or draw.choice([",", ",", ";", "|", "\t"])
        quoting = draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
        writer = csv.writer(
            out, delimiter=sign, quoting=quoting, lineterminator=draw.choice(["\n", "\r\n", "\r\n", "\r"])
        )
        writer.writerow(header)
        for row in rows:
            ragged = draw.random()
            if ragged < 0.05:
                out.write(sign.join(cell or "" for cell in row) + "\n")
            else:
                writer.writerow(
                    row[: draw.randint(1, len(row))] if ragged < 0.1 else [*row, "x"] if ragged < 0.15 else row
                )
        return _text(draw, out.getvalue())

    return write


def _json_lines(draw: random.Random, header: list[str], rows: list[list[str | None]]) -> bytes:
    lines = []
    for row in rows:
        record: dict[str, Any] = dict(zip(header, row, strict=True))
        if draw.random() < 0.2:
            record[draw.choice(["extra", "a/b~c", "", nasty(draw)])] = draw.choice(
                [1, 1.5, None, True, [1], {"a": {"b": 2}}]
            )
        lines.append(json.dumps(record, ensure_ascii=draw.random() < 0.3))
        if draw.random() < 0.05:
            lines.append(draw.choice(["[1]", "null", "{", '"text"', "{}", "[" * 200, '{"a":' * 200]))
    return _text(draw, "\n".join(lines))


def _parquet(draw: random.Random, header: list[str], rows: list[list[str | None]]) -> bytes:
    names = [f"{name}" if header.index(name) == n else f"{name} {n}" for n, name in enumerate(header)]
    columns = [pa.array([row[n] for row in rows], pa.string()) for n in range(len(header))]
    out = io.BytesIO()
    pq.write_table(pa.table(columns, names=names), out, compression=draw.choice(["none", "snappy", "zstd"]))
    return out.getvalue()


def _workbook(draw: random.Random, header: list[str], rows: list[list[str | None]]) -> bytes:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in [header, *rows]:
        cells = [ILLEGAL_CHARACTERS_RE.sub("", cell) if cell else None for cell in row]
        sheet.append(cells)
        for cell in sheet[sheet.max_row]:
            # Formulas as text: as a formula the cell has no value until a spreadsheet computes it.
            cell.data_type = "s" if cell.data_type == "f" else cell.data_type
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def _packed(write: Callable[..., bytes]) -> Callable[..., bytes]:
    return lambda *given: gzip.compress(write(*given), 1)


_WRITERS: list[tuple[str, Callable[..., bytes]]] = [
    *[("csv", _delimited(None))] * 3,
    ("tsv", _delimited("\t")),
    ("csv.gz", _packed(_delimited(None))),
    *[("jsonl", _json_lines)] * 2,
    ("jsonl.gz", _packed(_json_lines)),
    ("parquet", _parquet),
    ("xlsx", _workbook),
]
