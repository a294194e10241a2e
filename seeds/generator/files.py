"""How a delivered table is written: formats, encodings, headers and the forms of times and numbers.

What belongs here: bytes. What does not: which rows go where (`deliveries.py`). The same rows always give the same
bytes: DuckDB keeps the order of rows when it writes text, Arrow writes Parquet, archives carry no clock.
"""

import gzip
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.database import literal
from seeds.generator.deliveries import faults_of
from seeds.generator.tables import Column, Table
from seeds.generator.vocabulary import Bools, Ints, Profile, read_rows

SHEET_LIMIT = 20_000
BLOCK = 1 << 24


@dataclass(frozen=True)
class Plan:
    """How one file is written; a row of `data/file_plan.csv`."""

    format: str
    encoding: str
    headers: str
    times: str
    numbers: str
    extra: str


def plan_for(table: Table, turn: int, profile: Profile, rows: int) -> Plan:
    """The plan of a file; files of a dataset take turns through its plans."""
    plans = [r for r in read_rows("file_plan") if r["dataset"] == table.name]
    chosen = plans[turn % len(plans)]
    plan = Plan(*(chosen[c] for c in ("format", "encoding", "headers", "times", "numbers", "extra")))
    if plan.format == "xlsx" and rows > SHEET_LIMIT:
        plan = Plan("csv", "utf-8", plan.headers, "dash", plan.numbers, plan.extra)
    if profile.latin:
        encoding = "utf-8" if plan.encoding.startswith("gb") else plan.encoding
        numbers = "grouped" if plan.numbers == "grouped" else "plain"
        plan = Plan(plan.format, encoding, "english", plan.times, numbers, plan.extra)
    return plan


def headers_of(dataset: str, plan: Plan, columns: Iterable[str]) -> list[str]:
    """Headers as the file shows them."""
    names = list(columns)
    if plan.headers == "chinese":
        chinese = {r["column"]: r["header"] for r in read_rows("chinese_headers") if r["dataset"] == dataset}
        return [chinese.get(n, n) for n in names]
    return names


def _time_sql(kind: str, name: str, times: str) -> str:
    """A time or day as text."""
    if kind == "day":
        day = f"(date '1970-01-01' + {name}::integer)"
        if times == "excel":
            return f"({name} + 25569)::varchar"
        shape = {"slash": "%Y年%-m月%-d日"}.get(times, "%Y-%m-%d")
        return f"strftime({day}, '{shape}')"
    seconds = f"({name} * 60)" if kind == "minutes" else name
    if times == "epoch":
        return f"({seconds} - 28800)::varchar"
    if times == "excel":
        return f"round({seconds} / 86400.0 + 25569, 8)::varchar"
    shapes = {
        "iso": "%Y-%m-%dT%H:%M:%S",
        "iso_offset": "%Y-%m-%dT%H:%M:%S+08:00",
        "dash": "%Y-%m-%d %H:%M",
        "dash_seconds": "%Y-%m-%d %H:%M:%S",
        "slash": "%Y/%m/%d %H:%M",
    }
    return f"strftime(make_timestamp({seconds} * 1000000), '{shapes[times]}')"


def _money_sql(name: str, plan: Plan) -> str:
    """Fen as text in yuan."""
    sign = f"(case when {name} < 0 then '-' else '' end)"
    whole, cents = f"(abs({name}) // 100)", f"lpad((abs({name}) % 100)::varchar, 2, '0')"
    plain = f"({sign} || {whole}::varchar || '.' || {cents})"
    if plan.numbers == "grouped":
        return f"({sign} || format('{{:,}}', {whole}) || '.' || {cents})"
    if plan.numbers == "yuan":
        # GBK has the full-width sign only.
        return f"('{'¥' if plan.encoding.startswith('utf') else '￥'}' || {plain})"
    if plan.numbers == "full_width":
        return f"translate({plain}, '0123456789', '{''.join(chr(0xFF10 + d) for d in range(10))}')"
    return plain


def _text_sql(column: Column, name: str, plan: Plan) -> str:
    """A column as text."""
    if column.kind == "text":
        return name
    if column.kind == "money":
        return _money_sql(name, plan)
    if column.kind == "integer":
        return f"{name}::varchar"
    return _time_sql(column.kind, name, plan.times)


def _typed_sql(column: Column, name: str, plan: Plan) -> str:
    """A column as its own type, for files that have types; times stay text in JSON."""
    if column.kind == "money":
        return f"({name}::decimal(18, 0) * 0.01::decimal(3, 2))::decimal(18, 2)"
    if column.kind == "integer":
        return name
    if plan.format == "parquet" and column.kind == "day":
        return f"(date '1970-01-01' + {name}::integer)"
    if plan.format == "parquet" and column.kind in {"minutes", "seconds"}:
        return f"make_timestamp({name} * {60_000_000 if column.kind == 'minutes' else 1_000_000})"
    return _text_sql(column, name, plan)


def write_file(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    plan: Plan,
    path: Path,
    rows: Ints,
    stale: Bools,
    fault: Ints,
    year: int,
    turn: int,
) -> None:
    """Write some delivered rows of a table to one file; `year` completes the dates of row faults."""
    arrays: dict[str, pa.Array] = {"_stale": pa.array(stale), "_fault": pa.array(fault)}
    typed = plan.format in {"parquet", "jsonl"}
    any_stale = bool(stale.any())
    present = set(np.unique(fault).tolist()) - {0}
    faults = faults_of(table.name)
    selected: list[str] = []
    for name, header in zip(table.columns, headers_of(table.name, plan, table.columns), strict=True):
        column = table.columns[name]
        arrays[name] = column.take(rows)
        broken = [(n, f) for n, f in enumerate(faults, start=1) if f.column == name and n in present]
        render = _typed_sql if typed and not broken else _text_sql
        sql = render(column, f'"{name}"', plan)
        if any_stale and name in table.stale:
            arrays[f"_old_{name}"] = table.stale[name].take(rows)
            before = render(table.stale[name], f'"_old_{name}"', plan)
            sql = f"case when _stale then {before} else {sql} end"
        for n, fault_kind in broken:
            value = literal(fault_kind.value.format(year=year)) if fault_kind.value else "null"
            sql = f"case when _fault = {n} then {value} else {sql} end"
        selected.append(f'{sql} as "{header}"')
    if plan.extra:
        selected.append(f"'{turn:02d}' as \"{plan.extra}\"")
    connection.register("_rows", pa.table(arrays))
    query = f"select {', '.join(selected)} from _rows"
    try:
        _write(connection, query, plan, path)
    finally:
        connection.unregister("_rows")


def _write(connection: duckdb.DuckDBPyConnection, query: str, plan: Plan, path: Path) -> None:
    """Run the query into a file of the planned format."""
    if plan.format == "parquet":
        pq.write_table(connection.sql(query).to_arrow_table(), path, compression="zstd", row_group_size=250_000)
        return
    if plan.format == "xlsx":
        result = connection.sql(query)
        write_sheet(path, [*result.columns], result.fetchall())
        return
    plain = path.with_name(f".{path.name}.plain")
    target = literal(str(plain))
    if plan.format == "jsonl":
        connection.execute(f"copy ({query}) to {target} (format json)")
    else:
        mark = "\\t" if plan.format == "tsv" else ","
        connection.execute(f"copy ({query}) to {target} (format csv, header, delimiter '{mark}')")
    finish(plain, path, plan.encoding, compress=plan.format.endswith(".gz"))


def finish(plain: Path, path: Path, encoding: str, *, compress: bool = False) -> None:
    """Turn a UTF-8 file into its final encoding and compression, block by block, and remove it."""
    if encoding == "utf-8" and not compress:
        plain.replace(path)
        return
    with plain.open(encoding="utf-8", newline="") as text, path.open("wb") as raw:
        out = gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=4, mtime=0) if compress else raw
        first = True
        while block := text.read(BLOCK):
            # The byte-order mark belongs to the first block alone.
            out.write(block.encode("utf-8" if encoding == "utf-8-sig" and not first else encoding))
            first = False
        if compress:
            out.close()
    plain.unlink()


def write_sheet(path: Path, headers: list[str], rows: list[tuple[object, ...]]) -> None:
    """Write a minimal workbook of one sheet; text that is a number of at most 12 digits becomes a number cell."""

    def cell(value: object) -> str:
        if value is None:
            return "<c/>"
        shown = str(value)
        digits = shown.lstrip("-").replace(".", "", 1)
        numeric = digits.isdecimal() and digits.isascii() and len(digits) <= 15 and not _leading_zero(shown)
        if numeric and len(digits) != 11:
            return f"<c><v>{shown}</v></c>"
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(shown)}</t></is></c>'

    lines = ["".join(cell(v) for v in row) for row in [tuple(headers), *rows]]
    body = "".join(f'<row r="{n}">{line}</row>' for n, line in enumerate(lines, start=1))
    office = "http://schemas.openxmlformats.org"
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    main = f"{office}/spreadsheetml/2006/main"
    package = f"{office}/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    links = f"{office}/officeDocument/2006/relationships"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{links}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{links}">'
        '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{links}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, head + content)


def _leading_zero(shown: str) -> bool:
    """Whether a number would lose a leading zero as a number cell, as in a store code."""
    return len(shown) > 1 and shown[0] == "0" and shown[1] != "."
