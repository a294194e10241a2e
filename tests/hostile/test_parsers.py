"""Whatever a cell holds, reading it as a name, phone, email, address, date or number gives an answer, and soon."""

import time
from collections.abc import Callable

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.cleaning import addresses, emails, names, phones, typing_sql
from tests.hostile.cases import TEXTS, tries

# CPU seconds that one text may take; a pattern gone quadratic takes many times as long.
LONGEST = 2.0


def timed(parse: Callable[[str], object], text: str) -> object:
    started = time.process_time()
    parsed = parse(text)
    assert time.process_time() - started < LONGEST, f"{text[:20]!r}, {len(text)} characters"
    return parsed


@tries(30, 20_000)
@given(TEXTS)
def test_any_text_is_read_as_a_name(text: str) -> None:
    parsed = timed(names.parse, text)
    assert isinstance(parsed, names.ParsedName)
    assert parsed.kind in {"full", "surname_only", "masked", "nickname", "company", "latin", "empty"}


@tries(30, 20_000)
@given(TEXTS)
def test_any_text_is_read_as_a_phone_and_is_not_shown_in_its_mask(text: str) -> None:
    parsed = timed(phones.parse, text)
    assert isinstance(parsed, phones.ParsedPhone)
    assert parsed.e164 is None or parsed.kind in {"mobile", "landline", "foreign"}
    assert parsed.e164 is None or parsed.masked_phone not in {parsed.e164, parsed.national}


@tries(30, 20_000)
@given(TEXTS)
def test_any_text_is_read_as_an_email_that_reads_as_itself(text: str) -> None:
    parsed = timed(emails.parse, text)
    assert isinstance(parsed, emails.ParsedEmail)
    if parsed.email is not None:
        assert emails.parse(parsed.email).email == parsed.email


@tries(30, 2_000)
@given(TEXTS)
def test_any_text_is_read_as_an_address(text: str) -> None:
    assert isinstance(timed(addresses.parse, text), addresses.ParsedAddress)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set timezone = 'Asia/Shanghai'")
    return connection


@tries(5, 500)
@given(st.lists(TEXTS, min_size=20, max_size=40))
def test_any_text_is_read_as_a_date_a_number_and_a_choice(con: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    con.execute("create or replace temp table texts as select unnest(?::varchar[]) as delivered", [texts])
    expressions = [
        typing_sql.timestamp("f", "Asia/Shanghai"),
        typing_sql.date("f", "Asia/Shanghai"),
        typing_sql.decimal("f"),
        typing_sql.integer("f"),
        typing_sql.boolean("f", {"true": "true", "false": "false"}),
        typing_sql.identifier("f"),
    ]
    read = con.execute(
        f"select {', '.join(expressions)} from (select {typing_sql.folded('delivered')} as f from texts)"
    ).fetchall()
    assert len(read) == len(texts)
