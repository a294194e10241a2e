import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_quality.results import mask


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("13812345678", "13*******78"),
        ("138 1234 5678", "13*********78"),
        ("１３８１２３４５６７８", "１３*******７８"),
        ("11010519491231002X", "11**************2X"),
        ("zhang.wei@example.com", "z***@***"),
        ("pos/2026-06-29/sales.csv", "pos/2026-06-29/sales.csv"),
        ("2026-06-29", "2026-06-29"),
        ("line_number=4711", "line_number=4711"),
        ("T-000123", "T-000123"),
        ("", ""),
    ],
)
def test_examples_hide_what_could_name_a_person(written, shown):
    assert mask(written) == shown


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.text(max_size=20))
def test_no_mobile_number_survives_in_any_text(number, around):
    assert number not in mask(f"{around} {number} {around}")
