import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_quality.results import mask, mask_path


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


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("pos/20260305/sales_20260305-1.csv", "pos/20260305/sales_20260305-1.csv"),
        ("pos/2026-03-05/sales20260305023000.csv.gz", "pos/2026-03-05/sales20260305023000.csv.gz"),
        ("pos/2026-03-05/sales_20261305.csv", "pos/2026-03-05/sales_20****05.csv"),
        ("members_13812345678_20260305.xlsx", "members_13*******78_20260305.xlsx"),
        ("members_138 20260305.xlsx", "members_13********05.xlsx"),
        ("members_20260305 1380.xlsx", "members_20*********80.xlsx"),
        ("members_zhang@example.com", "m***@***"),
    ],
)
def test_a_file_is_shown_with_the_day_in_its_name_and_without_the_number_of_a_person(written, shown):
    assert mask_path(written) == shown


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.text(max_size=20))
def test_no_mobile_number_survives_in_any_text(number, around):
    assert number not in mask(f"{around} {number} {around}")
