"""A cell of a CSV file is never a formula, and what was made safe is read back as it was."""

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestration.spreadsheet_cells import safe_cell, safe_cell_sql, text_of_cell

TEXTS = st.text(st.sampled_from("'=+-@＝|% \t\u3000a1张"), max_size=6)


@pytest.mark.parametrize("text", ["=1+1", "+86", "-x", "@SUM(A1)", " =1", "\u3000=1", "＝1", "|x", "%x", "\t=1", "'=1"])
def test_what_begins_like_a_formula_gets_a_quote(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "M1", "张伟", "'s", "1-2", "a=b", "o'clock"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text_of_cell(text) == text


@given(TEXTS)
@example("'=1")
def test_what_was_made_safe_is_read_back_as_it_was(text: str) -> None:
    assert text_of_cell(safe_cell(text)) == text


def test_sql_and_python_agree() -> None:
    texts = ["=1", " +1", "\u3000@x", "＝1", "'-1", "''=1", "a", "'a", "", "\t", " \n", "|", "1=1"]
    with duckdb.connect() as con:
        found = con.execute(f"select {safe_cell_sql('t')} from (select unnest(?) as t)", [texts]).fetchall()
    assert [row[0] for row in found] == [safe_cell(text) for text in texts]
