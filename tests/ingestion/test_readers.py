import csv
import datetime
import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestration.ingestion.limits import load_limits

Deliver = Callable[..., Path]

HEADER = "ticket_id,line_no,sold_at,sku,quantity,amount"
CHINESE = "小票号,行号,销售时间,商品编码,数量,实付金额,商品名称"


def sales(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def workbook(*sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet{number}")
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# --- text: encodings, line ends, delimiters, headers ----------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "，"])
def test_text_is_read_in_every_encoding_line_end_and_delimiter(
    deliver: Deliver, raw: Any, encoding: str, end: str, delimiter: str
) -> None:
    text = end.join([CHINESE, "T1,1,2025-03-01,S1,1,￥9.9,碧螺春", "", "T2,1,2025-03-01,S2,2,8,龙井"]) + end
    deliver("sales.csv", text.replace(",", delimiter).encode(encoding))
    assert raw.take_in("ticket_id, amount, product_name, _line") == [
        ("T1", "￥9.9", "碧螺春", 2),
        ("T2", "8", "龙井", 4),
    ]
    entry = raw.entry()
    assert entry.encoding == {"gbk": "gb18030"}.get(encoding, encoding)
    assert (entry.rows, entry.status, entry.columns_unknown) == (2, "read", [])


@pytest.mark.parametrize("quote", ["", '"'])
def test_rows_of_a_mac_may_hold_line_feeds_in_quotes(deliver: Deliver, raw: Any, quote: str) -> None:
    header = ",".join(f"{quote}{name}{quote}" for name in f"{HEADER},product_name".split(","))
    deliver("sales.csv", f'{header}\rT1,1,2025-03-01,S1,1,9,"上\n下"\rT2,1,2025-03-01,S1,1,9,茶\r')
    assert raw.take_in("ticket_id, product_name, _line") == [("T1", "上\n下", 2), ("T2", "茶", 3)]


@pytest.mark.parametrize("name", ["sales.csv.gz", "sales.tsv", "sales.tsv.gz", "SALES.CSV.GZ"])
def test_packed_and_tab_separated_text_is_read(deliver: Deliver, raw: Any, name: str) -> None:
    text = sales("T1,1,2025-03-01,S1,1,9.9").replace(",", "\t" if "tsv" in name else ",").encode()
    deliver(name, gzip.compress(text) if name.casefold().endswith("gz") else text)
    assert raw.take_in("ticket_id, amount, _line") == [("T1", "9.9", 2)]


def test_full_width_commas_inside_quotes_survive(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", CHINESE.replace(",", "，") + '\nT1，1，2025，S1，1，9，"甲，乙"\n')
    assert raw.take_in("product_name") == [("甲，乙",)]


def test_one_undecodable_line_costs_that_line(deliver: Deliver, raw: Any) -> None:
    good = "T1,1,2025-03-01,S1,1,9,茶\n".encode()
    deliver(
        "sales.csv", CHINESE.encode() + b"\n" + good + "T2,1,2025,S1,1,9,咖啡\n".encode("gbk") + b"T3,\xff\n" + good
    )
    found = raw.take_in("_line, ticket_id, _row_error, _raw is null")
    assert found == [
        (2, "T1", None, True),
        (3, None, "bad_encoding", False),
        (4, None, "bad_encoding", False),
        (5, "T1", None, True),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_a_wrong_encoding_of_the_file(deliver: Deliver, raw: Any, encoding: str) -> None:
    deliver("sales.csv", sales("T1,1,2025-03-01,S1,1,9.9").encode(encoding))
    assert raw.problem().reason == "bad_encoding"


def test_a_file_of_mostly_undecodable_lines_is_a_wrong_encoding_of_the_file(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", HEADER.encode() + b"\n" + b"T1,1,2025,\xff\xff\xff,1,1\n" * 30)
    found = raw.problem()
    assert (found.reason, found.rows) == ("bad_encoding", 30)
    assert "GB18030" in found.message


def test_headers_match_by_alias_ignoring_case_blanks_and_full_width_forms(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", " 小 票号,Line-No,ＳＯＬＤ＿ＡＴ,SKU 编码,QTY,Net Amount\nT1,1,2025,S,2,3\n")
    assert raw.take_in("ticket_id, line_no, sold_at, sku, quantity, amount") == [("T1", "1", "2025", "S", "2", "3")]


def test_the_exact_name_wins_over_an_alias_and_the_loser_is_kept_as_drift(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", "总额,ticket_id,line_no,sold_at,sku,quantity,amount,仓库\n1,T1,1,2025,S,1,2,北\n")
    assert raw.take_in("amount, _extra") == [("2", {"总额": "1", "仓库": "北"})]
    entry = raw.entry()
    assert entry.columns_unknown == ["总额", "仓库"]
    assert entry.columns_missing[0] == "store_id"
    assert entry.columns_mapped["sku"] == "sku"


def test_undeclared_headers_written_twice_are_both_kept(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", HEADER + ",x,x,\nT1,1,2025,S,1,2,a,b,\n")
    assert raw.take_in("_extra") == [({"x": "a", "x_2": "b"},)]
    assert raw.entry().columns_unknown == ["x", "x_2"]


def test_a_title_above_the_header_is_passed_over(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", "sep=;\n销售日报;2025\n\n" + sales("T1,1,2025-03-01,S1,1,9.9").replace(",", ";"))
    assert raw.take_in("ticket_id, _line") == [("T1", 5)]


def test_rows_above_the_only_header_that_can_be_read_are_bad_rows_and_titles_are_not(
    deliver: Deliver, raw: Any
) -> None:
    header = "小票号,行号,销售时间,商品编码,数量,金额,商品名称"
    first, second = (
        f"{header}\nT1,1,2025,S1,1,9,茶\nT2,1,2025,S1,1,9,x\n",
        f"{header}\n" + "T3,1,2025,S1,1,9,茶叶\n" * 9,
    )
    deliver("sales.csv", "销售日报,,,,,,\n".encode("gbk") + first.encode() + second.encode("gbk"))
    assert raw.take_in("_line, _row_error, left(_raw, 4), ticket_id")[:4] == [
        (2, "bad_encoding", "灏忕エ鍙", None),
        (3, "bad_encoding", "T1,1", None),
        (4, "malformed_row", "T2,1", None),
        (6, None, None, "T3"),
    ]


def test_empty_text_is_null(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", HEADER + ',phone,category\nT1,1,2025,S,1,2,"", \n')
    assert raw.take_in("phone, category, store_id") == [(None, " ", None)]


def test_broken_rows_keep_their_text_and_line(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1,1,2025,S1,1,9", "T2,1,2025,S1", 'T3,1,"2025"x,S1,1,9', "T4,1,2025,S1,1,9"))
    assert raw.take_in("_line, ticket_id, _row_error, _raw") == [
        (2, "T1", None, None),
        (3, None, "wrong_field_count", "T2,1,2025,S1"),
        (4, None, "malformed_row", 'T3,1,"2025"x,S1,1,9'),
        (5, "T4", None, None),
    ]


def test_a_huge_line_is_one_bad_row_and_stays_out_of_memory(deliver: Deliver, raw: Any) -> None:
    path = deliver("sales.csv", sales("T1,1,2025,S1,1,9"))
    with path.open("ab") as stream:
        for _ in range(40):
            stream.write(b"x" * 1_000_000)
        stream.write(b"\nT2,1,2025,S1,1,9\n")
    assert raw.take_in("_line, ticket_id, _row_error, length(_raw)") == [
        (2, "T1", None, None),
        (3, None, "row_too_long", 10_000),
        (4, "T2", None, None),
    ]


def test_a_long_line_inside_a_block_is_one_bad_row(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1,1,2025,S1,1,9", "y" * 1_500_000, "T2,1,2025,S1,1,9"))
    assert raw.take_in("_line, _row_error") == [(2, None), (3, "row_too_long"), (4, None)]


# --- files that go to quarantine whole ------------------------------------------------------------------------------


def zipped(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * size)
    return out.getvalue()


def rewritten(book: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A workbook with another text in its first sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for entry in before.infolist():
            content = before.read(entry)
            after.writestr(entry.filename, change(content) if entry.filename.endswith("sheet1.xml") else content)
    return out.getvalue()


def with_cells(cells: bytes) -> bytes:
    """A good workbook of two rows and these."""
    good = workbook([HEADER.split(","), ["T1", 1, 2025, "S1", 1, 9]])
    return rewritten(good, lambda sheet: sheet.replace(b"</sheetData>", cells + b"</sheetData>"))


FILLED = b't="inlineStr"><is><t>x</t></is>'
LYING = with_cells(b" " * 1_000_000)
LARGEST = struct.pack("<L", max(entry.file_size for entry in zipfile.ZipFile(io.BytesIO(LYING)).infolist()))

GOOD_GZIP = gzip.compress(sales(*(f"T{i},1,2025,S1,1,9" for i in range(5000))).encode())

WHOLE_FILE_CASES: list[tuple[str, bytes, str, int, str]] = [
    ("sales.csv", b"", "empty_file", 0, "no bytes"),
    ("sales.csv", b"\xef\xbb\xbf\r\n\n  \n", "empty_file", 0, "header"),
    ("sales.csv.gz", b"", "empty_file", 0, "no bytes"),
    ("sales.csv.gz", gzip.compress(b"", mtime=0), "empty_file", 0, "header"),
    ("sales.csv.gz", GOOD_GZIP[:-200], "truncated_archive", 0, "Deliver it again"),
    ("sales.csv.gz", GOOD_GZIP[:-4], "truncated_archive", 0, "Deliver it again"),
    ("sales.csv.gz", b"ticket_id\n", "wrong_format", 0, "no gzip"),
    ("sales.csv.gz", GOOD_GZIP[:500] + b"\0" * 50 + GOOD_GZIP[550:], "unreadable", 0, "damaged"),
    ("sales.csv.gz", gzip.compress(b"0" * 200_000_000, 9), "archive_bomb", 0, "reading_limits.csv"),
    ("sales.csv", b"PK\x03\x04....", "wrong_format", 0, "zip archive"),
    ("sales.csv", b"PAR1....", "wrong_format", 0, "Parquet"),
    ("sales.csv", GOOD_GZIP, "wrong_format", 0, "gzip"),
    ("sales.csv", bytes(range(1, 32)) * 40, "wrong_format", 0, "binary"),
    (
        "sales.csv",
        sales("T1,1,2025,S1,1,9", header="foo,line_no,sold_at,sku,quantity,amount").encode(),
        "missing_key_column",
        1,
        "'ticket_id'",
    ),
    (
        "sales.csv",
        sales("T1,1,S1,1,9", header="ticket_id,line_no,sku,quantity,amount").encode(),
        "missing_required_column",
        1,
        "'sold_at'",
    ),
    ("sales.csv", sales("T2,1,2025,S1,1,9", header="T1,1,2025,S1,1,9").encode(), "missing_key_column", 1, "no header"),
    (
        "sales.csv",
        sales("T1,1,2025,S1,1,9,9", header=HEADER + ",Amount").encode(),
        "duplicate_column",
        1,
        "'Amount', 'amount'",
    ),
    ("sales.csv", sales(*["T1,1"] * 12).encode(), "wrong_format", 12, "delimiter"),
    ("sales.jsonl", b"", "empty_file", 0, "no bytes"),
    ("sales.jsonl", b"\n\n", "empty_file", 0, "header"),
    ("sales.jsonl", b"a,b\n1,2\n", "wrong_format", 2, "one object a line"),
    ("sales.jsonl", b'[{"ticket_id": 1}]', "wrong_format", 1, "JSON array"),
    ("sales.jsonl", b'{"a": 1}\n{"b": 2}\n', "missing_key_column", 2, "ticket_id"),
    ("sales.parquet", b"", "empty_file", 0, "no bytes"),
    ("sales.parquet", b"PAR1 but no more", "unreadable", 0, "damaged"),
    ("sales.parquet", b"ticket_id\n1\n", "wrong_format", 0, "Parquet"),
    ("sales.xlsx", b"", "empty_file", 0, "no bytes"),
    ("sales.xlsx", b"ticket_id\n1\n", "wrong_format", 0, "Excel"),
    ("sales.xlsx", workbook([["ticket_id"], ["1"]])[:-100], "truncated_archive", 0, "Deliver it again"),
    ("sales.xlsx", zipped(100), "unreadable", 0, "workbook"),
    ("sales.xlsx", zipped(300_000_000), "archive_bomb", 0, "reading_limits.csv"),
    # Five kilobytes that would make the Excel library ask for 500 GB.
    (
        "sales.xlsx",
        with_cells(b'<row r="1048576"><c r="XFD1048576" ' + FILLED + b"</c></row>"),
        "archive_bomb",
        0,
        "1048576 rows by 16384 columns",
    ),
    (
        "sales.xlsx",
        with_cells(b"<x:row><x:c  t='inlineStr'\n r = 'XFD1048576'><is><t>x</t></is></x:c></x:row>"),
        "archive_bomb",
        0,
        "max_sheet_cells",
    ),
    (
        "sales.xlsx",
        with_cells(b"<row>" + b"<c><v>1</v></c>" * 16384 + b"</row>" + b"<row><c><v>1</v></c></row>" * 20_000),
        "archive_bomb",
        0,
        "max_sheet_cells",
    ),
    ("sales.xlsx", LYING.replace(LARGEST, struct.pack("<L", 900)), "truncated_archive", 0, "Deliver it again"),
    ("sales.xlsx", workbook([]), "empty_file", 0, "no filled sheet"),
    ("sales.xlsx", workbook([["a", "b"], [1, 2], [3, 4]]), "missing_key_column", 2, "header"),
]


@pytest.mark.parametrize(("name", "content", "reason", "rows", "says"), WHOLE_FILE_CASES)
def test_a_hopeless_file_goes_to_quarantine_with_reason_rows_and_copy(
    deliver: Deliver, raw: Any, name: str, content: bytes, reason: str, rows: int, says: str
) -> None:
    deliver(name, content)
    deliver("sales_good.csv", sales("T1,1,2025,S1,1,9"))
    found = raw.problem()
    assert (found.reason, found.rows) == (reason, rows)
    assert says in found.message
    assert raw.stored("ticket_id") == [("T1",)]
    assert (raw.settings.quarantine_dir / "pos" / "2025-03-14" / name).read_bytes() == content


@pytest.mark.parametrize("first", ["M1,张三,13812345678", "M1,张三,13812345678,phone,name"])
def test_no_message_shows_the_values_of_a_file_without_header(deliver: Deliver, raw: Any, first: str) -> None:
    deliver("members.csv", first + "\nM2,李四,13912345678\n")
    found = raw.problem("pos_members")
    assert found.reason == "missing_key_column"
    assert "张三" not in found.message
    assert "138" not in found.message


@pytest.mark.parametrize("content", [HEADER, HEADER + "\n", "\ufeff" + HEADER + "\r\n\r\n"])
def test_a_file_of_only_a_header_is_read_with_no_rows(deliver: Deliver, raw: Any, content: str) -> None:
    deliver("sales.csv", content)
    assert raw.take_in("ticket_id") == []
    assert (raw.entry().status, raw.entry().rows) == ("read", 0)


# --- JSON lines -----------------------------------------------------------------------------------------------------


def test_json_lines_become_text(deliver: Deliver, raw: Any) -> None:
    base = {"ticket_id": 13812345678, "line_no": 1, "sold_at": "2025-03-01", "sku": "S", "quantity": -1, "amount": 2.5}
    lines = [
        json.dumps({**base, "phone": None, "category": True, "tags": {"a": [1, "张"]}}, ensure_ascii=False),
        "",
        "{broken",
        json.dumps([1, 2]),
        json.dumps({**base, "手机号": "+86 138", "product_name": 'q"\n,', 'odd"~/key': 1}, ensure_ascii=False) + "\r",
        '{"ticket_id": "a\x1fb"}',
        json.dumps({**base, "phone": "1", "手机号": "2"}),
    ]
    deliver("sales.jsonl", "\n".join(lines))
    assert raw.take_in(
        "_line, ticket_id, quantity, amount, phone, category, product_name, _extra, _row_error, _raw"
    ) == [
        (1, "13812345678", "-1", "2.5", None, "true", None, {"tags": '{"a":[1,"张"]}'}, None, None),
        (3, None, None, None, None, None, None, None, "malformed_row", "{broken"),
        (4, None, None, None, None, None, None, None, "malformed_row", "[1, 2]"),
        (5, "13812345678", "-1", "2.5", "+86 138", None, 'q"\n,', {'odd"~/key': "1"}, None, None),
        (6, None, None, None, None, None, None, None, "malformed_row", '{"ticket_id": "a\x1fb"}'),
        (7, "13812345678", "-1", "2.5", "1", None, None, {"手机号": "2"}, None, None),
    ]


def test_json_lines_in_gbk_and_gzip_are_read(deliver: Deliver, raw: Any) -> None:
    line = '{"小票号":"T1","行号":1,"销售时间":"2025","商品编码":"S","数量":1,"实付金额":2,"商品名称":"碧螺春"}\n'
    deliver("sales.jsonl.gz", gzip.compress(line.encode("gbk")))
    assert raw.take_in("ticket_id, product_name") == [("T1", "碧螺春")]


# --- Parquet --------------------------------------------------------------------------------------------------------


def test_parquet_values_are_written_as_a_csv_export_would(deliver: Deliver, raw: Any, tmp_path: Path) -> None:
    duckdb.execute(
        "copy (select 12345678901::double as 小票号, 1::utinyint as line_no,"
        " timestamp '2025-03-01 10:00:00' as sold_at,"
        " 'S' as sku, 1.5::float as quantity, 3.50::decimal(9, 2) as amount, timestamptz '2025-03-01 10:00:00+08' as t,"
        " date '2025-03-01' as d, true as b, [1, 2] as l, {'x': 'y'} as s, 'bytes'::blob as raw_bytes, null::int as n)"
        f" to '{tmp_path}/x.parquet'"
    )
    deliver("sales[1]*?'.parquet", (tmp_path / "x.parquet").read_bytes())
    assert raw.take_in("ticket_id, line_no, sold_at, quantity, amount, _extra, _line") == [
        (
            "12345678901",
            "1",
            "2025-03-01 10:00:00",
            "1.5",
            "3.50",
            {
                "t": "2025-03-01 02:00:00+00:00",
                "d": "2025-03-01",
                "b": "true",
                "l": "[1,2]",
                "s": '{"x":"y"}',
                "raw_bytes": "bytes",
            },
            1,
        )
    ]


def test_parquet_without_its_key_says_how_many_rows_it_holds(deliver: Deliver, raw: Any, tmp_path: Path) -> None:
    duckdb.execute(f"copy (select range as x from range(5)) to '{tmp_path}/x.parquet'")
    deliver("sales.parquet", (tmp_path / "x.parquet").read_bytes())
    found = raw.problem()
    assert (found.reason, found.rows) == ("missing_key_column", 5)


# --- Excel ----------------------------------------------------------------------------------------------------------


def test_cells_become_text_and_lines_are_sheet_rows(deliver: Deliver, raw: Any) -> None:
    rows = [
        ["销售日报"],
        [],
        CHINESE.split(","),
        ["T1", 1, datetime.datetime.fromisoformat("2025-03-01 10:30"), 13812345678, 1, 9.5, None],
        [],
        [2, True, datetime.date(2025, 3, 1), "007", -1, 10.0, "茶"],
    ]
    deliver("sales.xlsx", workbook([], [["cover"]], rows))
    assert raw.take_in("ticket_id, line_no, sold_at, sku, quantity, amount, product_name, _line") == [
        ("T1", "1", "2025-03-01 10:30:00", "13812345678", "1", "9.5", None, 4),
        ("2", "true", "2025-03-01", "007", "-1", "10", "茶", 6),
    ]
    assert raw.entry().message == "Only sheet 'Sheet3' was read; not read: 'Sheet2'."


def test_an_export_that_goes_on_in_further_sheets_is_read_whole(deliver: Deliver, raw: Any) -> None:
    header = HEADER.split(",")
    other = ["ticket_id", "sku", "line_no", "sold_at", "quantity", "amount"]
    book = openpyxl.load_workbook(
        io.BytesIO(
            workbook(
                [header, ["T1", 1, "2025-03-01", "S1", 1, 9], []],
                [["续表"], header, ["T2", 1, "2025-03-01", "S1", 1, 8]],
                [other, ["T3", "S1", 1, "2025-03-01", 1, 7]],
                [header, ["T4", 1, "2025-03-01", "S1", 1, 6]],
                [header, ["T5", 1, "2025-03-01", "S1", 1, 5]],
            )
        )
    )
    book["Sheet4"].sheet_state = "hidden"
    book.save(out := io.BytesIO())
    deliver("sales.xlsx", out.getvalue())
    assert raw.take_in("ticket_id, amount, _line") == [("T1", "9", 2), ("T2", "8", 5), ("T5", "5", 7)]
    assert raw.entry().rows == 3
    assert raw.entry().message == (
        "Sheets of one header were read as one: 'Sheet1' and on; row 1 of 'Sheet2' is line 3, row 1 of 'Sheet5' is "
        "line 6. Not read: 'Sheet3', 'Sheet4'."
    )


def test_a_gigantic_cell_costs_its_row_and_no_other(deliver: Deliver, raw: Any, tmp_path: Path) -> None:
    rows = [["T1", 1, 2025, "S1", 1, 9], ["T2", 1, 2025, "张" * 600_000, 1, 9], ["T3", 1, 2025, "S1", 1, 9]]
    table = pa.table([pa.array([str(row[n]) for row in rows]) for n in range(6)], names=HEADER.split(","))
    pq.write_table(table, tmp_path / "sales.parquet")
    deliver("sales.parquet", (tmp_path / "sales.parquet").read_bytes())
    deliver("sales.jsonl", "".join(json.dumps(dict(zip(HEADER.split(","), row, strict=True))) + "\n" for row in rows))
    assert (
        raw.take_in("ticket_id, _row_error, length(_raw), _line")
        == [
            ("T1", None, None, 1),
            (None, "row_too_long", 10_000, 2),
            ("T3", None, None, 3),
        ]
        * 2
    )
    assert [entry.bad_rows for entry in raw.entries()] == [1, 1]


def test_a_parquet_file_that_claims_too_many_rows_is_a_bomb(
    deliver: Deliver, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = load_limits(raw.settings.policy_dir)
    monkeypatch.setattr("orchestration.ingestion.ingest.load_limits", lambda _: replace(limits, max_parquet_rows=2))
    pq.write_table(pa.table({"ticket_id": ["T1"] * 3}), tmp_path / "sales.parquet")
    deliver("sales.parquet", (tmp_path / "sales.parquet").read_bytes())
    assert raw.problem().reason == "archive_bomb"


# --- properties -----------------------------------------------------------------------------------------------------

CELLS = st.text(alphabet=st.sampled_from([*'ab0 ,;"\n|', "张", "伟", "，", "￥"]), max_size=6)


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gbk", "gb18030"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    delimiter=st.sampled_from([",", "\t", ";", "|"]),
)
@example(table=[("", "", "伟"), ("", "", "a伟")], encoding="gbk", quoting=csv.QUOTE_MINIMAL, delimiter=",")
def test_any_table_that_python_writes_comes_back_from_raw(
    deliver: Deliver, raw: Any, table: list[tuple[str, str, str]], encoding: str, quoting: int, delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(["小票号", "行号", "销售时间", "商品编码", "数量", "金额", "商品名称", "品类", "门店"])
    expected = []
    for number, (name, category, store) in enumerate(table):
        line = text.getvalue().count("\n") + 1
        writer.writerow([f"T{number}", 1, 2025, "S", 1, 1, name, category, store])
        expected.append((line, f"T{number}", name or None, category or None, store or None))
    deliver("sales.csv", text.getvalue().encode(encoding))
    raw.ingest(force=True)
    assert raw.stored("_line, ticket_id, product_name, category, store_id") == expected


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["sales.csv", "sales.tsv", "sales.csv.gz", "sales.jsonl", "sales.parquet", "sales.xlsx"]),
    start=st.sampled_from(
        [b"", HEADER.encode() + b"\n", b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"PAR1", b'{"ticket_id":']
    ),
    content=st.binary(max_size=200),
)
def test_random_bytes_give_rows_or_a_reason_and_never_a_crash(
    deliver: Deliver, raw: Any, name: str, start: bytes, content: bytes
) -> None:
    path = deliver(name, start + content)
    raw.ingest(force=True)
    path.unlink()
    entry = next(entry for entry in raw.entries() if entry.file.endswith("/" + name))
    stored = [row for row in raw.stored("_file") if row[0] == entry.file]
    if entry.status == "read":
        assert len(stored) == entry.rows
    else:
        assert stored == []
        assert entry.reason
        assert entry.message
