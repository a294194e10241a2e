import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.cleaning.emails import parse

CASES = list(csv.DictReader((Path(__file__).parents[1] / "cases" / "emails.csv").open(encoding="utf-8")))
ODD_TEXT = st.text(alphabet=st.one_of(st.sampled_from("abZ19@@..-_<>,; ＠"), st.characters()), max_size=24)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['written']!r} ({c['why']})")
def test_a_written_address_is_read_as_a_person_would(case: dict[str, str]) -> None:
    parsed = parse(case["written"])
    assert (parsed.email or "", parsed.masked_email or "") == (case["email"], case["masked_email"])


@settings(max_examples=500, deadline=None)
@given(ODD_TEXT)
def test_no_text_makes_the_parser_fail_and_an_address_reads_as_itself(text: str) -> None:
    parsed = parse(text)
    if parsed.email is not None:
        assert parsed.email == f"{parsed.local_part}@{parsed.domain}"
        assert parse(parsed.email).email == parsed.email
        assert parsed.masked_email is not None
        assert not parsed.masked_email.startswith(f"{parsed.local_part}@")


@pytest.mark.parametrize(
    ("written", "rule"),
    [("zhang@qq.com", None), ("Zhang@QQ.com", "case"), ("zhang@qq.con", "domain misspelt"), ("无", "no address")],
)
def test_the_rule_says_what_was_changed(written: str, rule: str | None) -> None:
    assert parse(written).rule == rule
