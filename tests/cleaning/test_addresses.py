import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.cleaning.addresses import parse

CASES = list(csv.DictReader((Path(__file__).parents[1] / "cases" / "addresses.csv").open(encoding="utf-8")))
CHECKED = ["province", "city", "district", "road", "number", "building", "unit", "room"]
ODD_TEXT = st.text(
    alphabet=st.one_of(st.sampled_from("广东省深圳市南山区路街道号栋单元室楼弄十百1234-# ,AB县镇"), st.characters()),
    max_size=30,
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['written']!r} ({c['why']})")
def test_a_written_address_is_read_as_a_person_would(case: dict[str, str]) -> None:
    parsed = parse(case["written"])
    assert {c: getattr(parsed, c) or "" for c in CHECKED} == {c: case[c] for c in CHECKED}


@settings(max_examples=500, deadline=None)
@given(ODD_TEXT)
def test_no_text_makes_the_parser_fail(text: str) -> None:
    parsed = parse(text)
    if parsed.road or parsed.number or parsed.room:
        assert parsed.address_key


def test_two_spellings_of_one_address_share_the_key() -> None:
    spellings = [c["written"] for c in CASES if c["road"] == "科技园南路"]
    assert len(spellings) >= 15
    assert len({parse(s).address_key for s in spellings}) == 1


def test_two_flats_of_one_house_differ_in_the_key() -> None:
    assert (
        parse("深圳市南山区科技园南路12号3栋501室").address_key
        != parse("深圳市南山区科技园南路12号3栋502室").address_key
    )


def test_an_address_without_road_or_house_has_no_key() -> None:
    assert parse("广东省深圳市").address_key is None


def test_abbreviations_of_street_words_share_the_key() -> None:
    assert (
        parse("12 Main Street Apt. 4, Springfield").address_key == parse("12 MAIN ST, Unit 4, springfield").address_key
    )
