import csv
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.cleaning.phones import PhoneParser, parse
from orchestration.cleaning.wordlists import POLICY_DIR, REFERENCE_DIR
from orchestration.errors import UserError

CASES = list(csv.DictReader((Path(__file__).parents[1] / "cases" / "phones.csv").open(encoding="utf-8")))
CHECKED = ["e164", "kind", "national", "masked_phone"]
ODD_TEXT = st.text(
    alphabet=st.one_of(st.sampled_from("0123456789+-() *xX转Ee.，/OＯ１３８"), st.characters()), max_size=24
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['written']!r} ({c['why']})")
def test_a_written_number_is_read_as_a_person_would(case: dict[str, str]) -> None:
    parsed = asdict(parse(case["written"]))
    assert {c: parsed[c] or "" for c in CHECKED} == {c: case[c] for c in CHECKED}


@settings(max_examples=500, deadline=None)
@given(ODD_TEXT)
def test_no_text_makes_the_parser_fail_and_only_usable_kinds_have_an_e164(text: str) -> None:
    parsed = parse(text)
    assert (parsed.e164 is not None) == (parsed.kind in {"mobile", "landline", "foreign"})
    if parsed.e164 is not None:
        assert parsed.e164[0] == "+"
        assert parsed.e164[1:].isascii()
        assert parsed.e164[1:].isdigit()
        assert parse(parsed.e164).e164 == parsed.e164


@settings(max_examples=300, deadline=None)
@given(ODD_TEXT)
def test_the_masked_form_never_shows_the_whole_number(text: str) -> None:
    parsed = parse(text)
    if parsed.national is not None and parsed.kind != "masked":
        assert parsed.masked_phone is not None
        assert parsed.national not in parsed.masked_phone
        assert "****" in parsed.masked_phone


def test_the_region_of_a_mobile_and_a_landline_is_its_province_and_city() -> None:
    assert parse("13800138000").region == "北京"
    assert parse("0755-88886666").region == "广东 深圳"
    assert parse("650-650-6176").region == "US"


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("13912345670", None),
        ("+86 139 1234 5670", "separators"),
        ("1.38E+10", "digits lost by a spreadsheet"),
        ("13912345670.0", "spreadsheet decimal"),
        ("13912345670/13812345670", "first of several"),
        ("l3912345670", "letters for digits"),
        ("62345678", "no area code"),
    ],
)
def test_the_rule_says_what_was_changed(written: str, rule: str | None) -> None:
    assert parse(written).rule == rule


def _policy(tmp_path: Path, regions: str) -> Path:
    shutil.copytree(POLICY_DIR, tmp_path / "policy")
    (tmp_path / "policy" / "phone_default_regions.csv").write_text(regions, encoding="utf-8")
    return tmp_path / "policy"


def test_a_foreign_number_that_two_regions_accept_stays_invalid_with_its_digits(tmp_path: Path) -> None:
    regions = "region,priority,valid_from,why\nCN,1,2020-01-01,home\nUS,2,2020-01-01,one\nCA,3,2020-01-01,two\n"
    parser = PhoneParser(REFERENCE_DIR, _policy(tmp_path, regions))
    assert parser.parse("650-650-6176").region == "US"
    ambiguous = parser.parse("8885551234")
    assert (ambiguous.e164, ambiguous.kind, ambiguous.national) == (None, "invalid", "8885551234")


def test_without_china_among_the_regions_a_mobile_needs_its_country_code(tmp_path: Path) -> None:
    parser = PhoneParser(REFERENCE_DIR, _policy(tmp_path, "region,priority,valid_from,why\nUS,1,2020-01-01,home\n"))
    assert parser.parse("+8613912345670").kind == "mobile"
    assert parser.parse("010-62345678").e164 is None


def test_a_region_that_is_no_country_is_named(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "region,priority,valid_from,why\nXX,1,2020-01-01,slip\n")
    with pytest.raises(UserError, match="'XX'"):
        PhoneParser(REFERENCE_DIR, policy)
