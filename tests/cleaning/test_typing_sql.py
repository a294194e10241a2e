import csv
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.cleaning import typing_sql

CASES = Path(__file__).parents[1] / "cases"
ZONE = "Asia/Shanghai"


def cases(name: str) -> list[dict[str, str]]:
    with (CASES / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["text"] = re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), row["text"])
    return rows


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"set timezone = '{ZONE}'")
    return connection


def read(con: duckdb.DuckDBPyConnection, expression: str, texts: list[str | None]) -> list[object]:
    """Run an expression over folded texts in one statement, in order."""
    con.execute("create or replace temp table texts (i integer, delivered varchar)")
    if texts:
        con.executemany("insert into texts values (?, ?)", list(enumerate(texts)))
    return [
        value
        for (value,) in con.execute(
            f"select {expression} from (select i, {typing_sql.folded('delivered')} as f from texts) order by i"
        ).fetchall()
    ]


TYPES: dict[str, Callable[[], str]] = {
    "timestamp": lambda: typing_sql.timestamp("f", ZONE),
    "date": lambda: typing_sql.date("f", ZONE),
    "decimal": lambda: typing_sql.decimal("f"),
    "integer": lambda: typing_sql.integer("f"),
    "boolean": lambda: typing_sql.boolean("f", {"true": "true", "是": "true", "false": "false"}),
    "identifier": lambda: typing_sql.identifier("f"),
}


def test_there_are_enough_hard_cases() -> None:
    assert len(cases("dates.csv")) >= 80
    assert len(cases("numbers.csv")) >= 60


@pytest.fixture(scope="module")
def dates_read(con: duckdb.DuckDBPyConnection) -> dict[str, object]:
    """Every date form typed in one statement: no form may disturb another."""
    texts = [row["text"] for row in cases("dates.csv")]
    return dict(zip(texts, read(con, typing_sql.timestamp("f", ZONE), texts), strict=True))


@pytest.fixture(scope="module")
def numbers_read(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[object, object]]:
    texts = [row["text"] for row in cases("numbers.csv")]
    decimals, integers = read(con, typing_sql.decimal("f"), texts), read(con, typing_sql.integer("f"), texts)
    return dict(zip(texts, zip(decimals, integers, strict=True), strict=True))


@pytest.mark.parametrize("case", cases("dates.csv"), ids=lambda c: f"{c['text']!r}: {c['why']}")
def test_each_date_form_is_read_as_listed(dates_read: dict[str, object], case: dict[str, str]) -> None:
    assert dates_read[case["text"]] == (datetime.fromisoformat(case["expected"]) if case["expected"] else None)


@pytest.mark.parametrize("case", cases("numbers.csv"), ids=lambda c: f"{c['text']!r}: {c['why']}")
def test_each_number_form_is_read_as_listed(
    numbers_read: dict[str, tuple[object, object]], case: dict[str, str]
) -> None:
    decimal, integer = numbers_read[case["text"]]
    assert decimal == (Decimal(case["decimal"]) if case["decimal"] else None)
    assert integer == (int(case["integer"]) if case["integer"] else None)


def test_times_with_an_offset_come_out_in_the_configured_zone(con: duckdb.DuckDBPyConnection) -> None:
    expression = typing_sql.timestamp("f", "America/New_York")
    texts = ["2024-07-01T12:00:00Z", "1719835200", "2024-07-01 12:00:00"]
    assert read(con, expression, texts) == [
        datetime(2024, 7, 1, 8),  # noqa: DTZ001
        datetime(2024, 7, 1, 8),  # noqa: DTZ001
        datetime(2024, 7, 1, 12),  # noqa: DTZ001
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=40))
def test_no_text_whatever_makes_typing_fail(con: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    for expression in TYPES.values():
        assert len(read(con, expression(), [*texts, None])) == len(texts) + 1


# Texts made of the pieces of real dates and numbers reach the deeper branches.
PIECES = st.sampled_from(
    list("0123456789")
    + list("-/.年月日时分秒:, TZ+()eE¥元％０９：　")
    + ["上午", "下午", "AM", "pm", "RMB", "2024", "45296", "+08:00"]
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=14).map("".join), min_size=1, max_size=40))
def test_no_mixture_of_date_and_number_parts_makes_typing_fail(
    con: duckdb.DuckDBPyConnection, texts: list[str]
) -> None:
    for expression in TYPES.values():
        assert len(read(con, expression(), texts)) == len(texts)


def _forms(moment: datetime) -> list[str]:
    utc = moment.replace(tzinfo=ZoneInfo(ZONE)).astimezone(ZoneInfo("UTC"))
    half, hour12 = ("下午" if moment.hour >= 12 else "上午"), moment.hour % 12 or 12
    days = (moment - datetime(1899, 12, 30)) / timedelta(days=1)  # noqa: DTZ001
    m = moment
    return [
        m.isoformat(sep=" "),
        m.isoformat(),
        utc.isoformat(),
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        utc.strftime("%Y%m%dT%H%M%SZ"),
        m.strftime("%Y/%m/%d %H:%M:%S"),
        f"{m.year}/{m.month}/{m.day} {m.hour}:{m:%M:%S}",
        f"{m.year}-{m.month}-{m.day} {m.hour}:{m:%M:%S}",
        f"{m.year}.{m.month}.{m.day} {m:%H:%M:%S}",
        f"{m.year}年{m.month}月{m.day}日 {m:%H:%M:%S}",
        f"{m.year}年{m.month}月{m.day}日{m.hour}时{m.minute}分{m.second}秒",
        f"{m.year}年{m.month}月{m.day}日 {half}{hour12}:{m:%M:%S}",
        f"{m.year}/{m.month}/{m.day} {hour12}:{m:%M:%S} {m:%p}",
        m.strftime("%Y%m%d%H%M%S"),
        f"{days:.10f}",
    ]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.datetimes(datetime(1930, 1, 1), datetime(2170, 1, 1)).map(lambda m: m.replace(microsecond=0)),  # noqa: DTZ001
        min_size=1,
        max_size=5,
    )
)
def test_a_real_time_comes_back_from_every_form(con: duckdb.DuckDBPyConnection, moments: list[datetime]) -> None:
    shanghai = ZoneInfo(ZONE)
    # Times that a change of the clocks skips or repeats have no way back from UTC.
    moments = [
        m for m in moments if m.replace(tzinfo=shanghai).utcoffset() == m.replace(tzinfo=shanghai, fold=1).utcoffset()
    ]
    texts = [form for moment in moments for form in _forms(moment)]
    expected = [moment for moment in moments for _ in _forms(moment)]
    for text, got, wanted in zip(texts, read(con, typing_sql.timestamp("f", ZONE), texts), expected, strict=True):
        assert got == wanted, text


@settings(max_examples=30, deadline=None)
@given(st.lists(st.datetimes(datetime(2001, 9, 10), datetime(2200, 1, 1)), min_size=1, max_size=10))  # noqa: DTZ001
def test_unix_times_come_back_to_the_second_and_millisecond(
    con: duckdb.DuckDBPyConnection, moments: list[datetime]
) -> None:
    stamps = [moment.replace(tzinfo=ZoneInfo("UTC")) for moment in moments]
    local = [stamp.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None) for stamp in stamps]
    whole = [int(stamp.replace(microsecond=0).timestamp()) for stamp in stamps]
    assert read(con, typing_sql.timestamp("f", ZONE), [str(s) for s in whole]) == [
        moment.replace(microsecond=0) for moment in local
    ]
    milliseconds = [s * 1000 + stamp.microsecond // 1000 for s, stamp in zip(whole, stamps, strict=True)]
    assert read(con, typing_sql.timestamp("f", ZONE), [str(s) for s in milliseconds]) == [
        moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in local
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.decimals(-(10**12), 10**12, places=2), min_size=1, max_size=10))
def test_a_real_amount_comes_back_from_every_form(con: duckdb.DuckDBPyConnection, amounts: list[Decimal]) -> None:
    def forms(amount: Decimal) -> list[str]:
        size, minus = abs(amount), "-" if amount < 0 else ""
        return [
            f"{amount}",
            f"¥{amount:,}",
            f"{minus}￥{size:,}",
            f"{amount:,}元".replace(",", "，"),
            f"{amount:,}".replace(",", " "),
            f"({size})" if amount < 0 else f"+{size}",
            f"{size}{minus}",
            str(amount).translate(str.maketrans("0123456789.-", "０１２３４５６７８９．－")),
        ]

    texts = [form for amount in amounts for form in forms(amount)]
    expected = [amount for amount in amounts for _ in forms(amount)]
    for text, got, wanted in zip(texts, read(con, typing_sql.decimal("f"), texts), expected, strict=True):
        assert got == wanted, text


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [
        ("  M001 ", "M001"),
        ("Ｍ００１", "M001"),
        ("10023.0", "10023"),
        ("00123.0", "00123"),
        ("10023.00", "10023.00"),
        ("v1.0", "v1.0"),
        ("1.0.0", "1.0.0"),
        ("M\u200b001", "M001"),
        ("\ufeffM001\u0009", "M001"),
        ("M 001-a_b", "M 001-a_b"),
        ("0", "0"),
        ("1.23E+12", "1.23E+12"),
        ("\u3000", ""),
        ("", ""),
    ],
)
def test_identifiers_keep_what_is_inside_them(con: duckdb.DuckDBPyConnection, delivered: str, expected: str) -> None:
    assert read(con, typing_sql.identifier("f"), [delivered]) == [expected]


def test_a_choice_is_found_whatever_its_width_case_and_blanks(con: duckdb.DuckDBPyConnection) -> None:
    expression = typing_sql.choice("f", {"mini program": "mini_program", "小程序": "mini_program", "1": "one"})
    texts = ["Mini  Program", "ＭＩＮＩ　ＰＲＯＧＲＡＭ", " 小程序 ", "1.0", "miniprogram", ""]
    assert read(con, expression, texts) == ["mini_program", "mini_program", "mini_program", "one", None, None]


def test_a_birthday_is_the_day_in_the_business_zone(con: duckdb.DuckDBPyConnection) -> None:
    texts = ["1990-04-14T16:00:00Z", "1990-04-15", "32978", "1990年4月15日"]
    assert read(con, typing_sql.date("f", ZONE), texts) == [date(1990, 4, 15)] * 4


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("110105491231002", "11010519491231002X"),
        ("510107880101001", "510107198801010011"),
        ("11010519491231002x", "11010519491231002X"),
        ("510107881301001", "510107881301001"),
        ("11010549123100", "11010549123100"),
        ("H12345678", "H12345678"),
        (None, None),
    ],
    ids=["old card", "old card of a man", "new card", "no month 13", "fourteen digits", "passport", "nothing"],
)
def test_an_old_id_card_is_read_as_the_number_that_its_holder_has_today(
    con: duckdb.DuckDBPyConnection, given: str | None, expected: str | None
) -> None:
    assert read(con, typing_sql.id_card("f"), [given]) == [expected]
