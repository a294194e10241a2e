import csv
import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.ingestion.decoding import LineBlock, LineFault
from orchestration.ingestion.framing import ESCAPES, BadRow, Framer, Grammar
from orchestration.ingestion.limits import ReadingLimits, load_limits

LIMITS = load_limits(Path(__file__).parents[2] / "seeds" / "policy")
Rows = dict[int, list[str]]
Faults = dict[int, str]


def blocks(lines: list[str], size: int) -> Iterator[LineBlock]:
    for start in range(0, len(lines), size):
        yield LineBlock(start + 1, [line.encode() for line in lines[start : start + size]])


def frame(
    text: str,
    width: int,
    *,
    limits: ReadingLimits = LIMITS,
    delimiter: str = ",",
    end: str = "\n",
    block_lines: int = 1000,
) -> tuple[Rows, Faults]:
    """Frame text; good rows and faults, each by line number."""
    out = io.BytesIO()
    bad: list[BadRow] = []
    framer = Framer(delimiter.encode(), width, out, bad.append, limits, end.encode())
    framed = framer.frame(blocks(text.removesuffix(end).split(end), block_lines))
    rows: Rows = {}
    for line in out.getvalue().decode().split("\n")[:-1]:
        values = Grammar(delimiter.encode()).split(line.encode())
        assert values is not None
        number, *cells = [value.decode() for value in values]
        if int(number) < 0:
            for written, meant in ESCAPES:
                cells = [cell.replace(written, meant) for cell in cells]
        assert len(cells) == width
        rows[abs(int(number))] = cells
    assert framed.good == len(rows)
    assert framed.bad == len(bad)
    return rows, {row.line: row.error for row in bad}


def test_a_quoted_text_may_run_over_lines_and_keeps_its_line_ends() -> None:
    rows, faults = frame('1,"a\r\nb",c\r\n2,"x,""y""",z\r\n', 3, end="\n")
    assert rows == {1: ["1", "a\r\nb", "c"], 3: ["2", 'x,"y"', "z"]}
    assert faults == {}


def test_an_unclosed_quote_costs_one_line() -> None:
    rows, faults = frame('1,a\n2,"b\n3,c\n4,d\n', 2)
    assert rows == {1: ["1", "a"], 3: ["3", "c"], 4: ["4", "d"]}
    assert faults == {2: "malformed_row"}


def test_an_unclosed_quote_never_swallows_rows_that_have_quotes_of_their_own() -> None:
    rows, faults = frame('1,"b\n2,"c"\n3,"d"\n', 2)
    assert rows == {2: ["2", "c"], 3: ["3", "d"]}
    assert faults == {1: "malformed_row"}


def test_an_unclosed_quote_before_an_escaped_quote_ends_with_the_line_limit() -> None:
    limits = dataclasses.replace(LIMITS, max_quoted_lines=3)
    rows, faults = frame('1,"b\n2,""\n3,x\n4,y\n5,z\n', 2, limits=limits)
    assert faults == {1: "malformed_row"}
    assert rows == {2: ["2", ""], 3: ["3", "x"], 4: ["4", "y"], 5: ["5", "z"]}


def test_a_quoted_text_past_the_byte_limit_is_taken_for_an_unclosed_quote() -> None:
    limits = dataclasses.replace(LIMITS, max_row_bytes=100)
    rows, faults = frame('1,"' + "b" * 60 + "\n" + "2," + "c" * 60 + "\n" + '3,d",\n', 2, limits=limits)
    assert faults == {1: "malformed_row"}
    assert rows == {2: ["2", "c" * 60], 3: ["3", 'd"']}


def test_a_quote_inside_a_plain_field_is_text() -> None:
    rows, faults = frame('1,5" pipe\n2,a"b"c\n', 2)
    assert rows == {1: ["1", '5" pipe'], 2: ["2", 'a"b"c']}
    assert faults == {}


def test_blanks_after_a_closing_quote_are_dropped_and_text_there_is_a_fault() -> None:
    rows, faults = frame('"1" ,"a"\t\n"2"x,b\n', 2)
    assert rows == {1: ["1", "a"]}
    assert faults == {2: "malformed_row"}


def test_too_few_or_too_many_fields_are_faults_of_their_row_alone() -> None:
    rows, faults = frame('1,a\n2\n3,b,c\n"4"\n"5","b","c"\n6,d\n', 2)
    assert rows == {1: ["1", "a"], 6: ["6", "d"]}
    assert faults == dict.fromkeys((2, 3, 4, 5), "wrong_field_count")


def test_surplus_empty_fields_at_the_end_do_no_harm() -> None:
    rows, faults = frame('1,a,,\n"2","b",\n', 2)
    assert rows == {1: ["1", "a"], 2: ["2", "b"]}
    assert faults == {}


def test_blank_lines_are_skipped_and_counted_in_line_numbers() -> None:
    rows, faults = frame("\n1,a\n \n\r\n2,b\n", 2)
    assert rows == {2: ["1", "a"], 5: ["2", "b"]}
    assert faults == {}


@pytest.mark.parametrize("row", ['","x""', '""x","', '",","', '"a"",""b"'])
def test_counting_quotes_is_not_fooled_by_values_made_of_delimiters(row: str) -> None:
    quick, quick_faults = frame(row + "\n", 2)
    expected = Grammar(b",").split(row.encode())
    if expected is None or len(expected) != 2:
        assert quick == {}
        assert list(quick_faults) == [1]
    else:
        assert quick == {1: [value.decode() for value in expected]}


def test_a_carriage_return_inside_a_plain_field_stays_text() -> None:
    rows, _ = frame("1,a\rb\r\n2,c\r\n", 2)
    assert rows == {1: ["1", "a\rb"], 2: ["2", "c"]}


def test_the_escape_character_of_multi_line_rows_survives() -> None:
    rows, _ = frame('1,"a\n\x1e1\x1e"\n2,\x1e1\n', 2)
    assert rows == {1: ["1", "a\n\x1e1\x1e"], 3: ["2", "\x1e1"]}


def test_lines_that_cannot_be_decoded_interrupt_an_open_quote() -> None:
    out = io.BytesIO()
    bad: list[BadRow] = []
    block = LineBlock(7, [b'1,"a', b"", b"2,b"], {1: LineFault("bad_encoding", "?")})
    framed = Framer(b",", 2, out, bad.append, LIMITS).frame([block])
    assert [(row.line, row.error) for row in bad] == [(7, "malformed_row"), (8, "bad_encoding")]
    assert out.getvalue() == b"9,2,b\n"
    assert framed.rows == 3


def test_a_million_quotes_take_no_quadratic_time() -> None:
    rows, faults = frame("\n".join(['1,"' for _ in range(20_000)]) + "\n" + '"' * 200_001, 2)
    assert len(rows) + len(faults) <= 20_001
    assert faults


cell = st.text(
    alphabet=st.sampled_from([*'ab0,;"\n\r \t', "张", "，", "é", "\x1e", "\x1f", "\x00", "'", "\\", "😀"]), max_size=8
)


@given(
    table=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=12)
    ),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    block_lines=st.integers(1, 5),
)
def test_what_python_csv_writes_is_read_back_with_right_line_numbers(
    table: list[list[str]], quoting: int, delimiter: str, block_lines: int
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting, delimiter=delimiter, lineterminator="\r\n")
    expected: Rows = {}
    for row in table:
        line = text.getvalue().count("\n") + 1
        before = text.tell()
        # A first column keeps an otherwise empty row from being a blank line.
        writer.writerow(["k", *row])
        assert text.tell() > before
        expected[line] = ["k", *row]
    rows, faults = frame(text.getvalue(), len(table[0]) + 1, delimiter=delimiter, block_lines=block_lines)
    assert faults == {}
    assert rows == expected


@given(text=st.text(alphabet=st.sampled_from([*'a1,"\n\r ']), max_size=80), width=st.integers(1, 3))
def test_no_line_with_text_is_lost_whatever_the_quotes_do(text: str, width: int) -> None:
    rows, faults = frame(text, width)
    covered = set(faults)
    for number, cells in rows.items():
        covered.update(range(number, number + 1 + sum(cell.count("\n") for cell in cells)))
    filled = {n for n, line in enumerate(text.removesuffix("\n").split("\n"), 1) if line.strip()}
    assert filled <= covered
