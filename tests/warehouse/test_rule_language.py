"""What a rule is taken for, and what is refused. What a rule gives in the database stands in `test_rule_macros.py`."""

import csv
from pathlib import Path

import pytest

from orchestration.warehouse.rule_language import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_VALUES,
    Column,
    RuleError,
    Step,
    parse_rule,
)

CASES = Path(__file__).parents[1] / "cases"
COLUMNS = {
    "orders": Column("integer"),
    "revenue": Column("decimal(18,4)"),
    "tier": Column("varchar"),
    "stage": Column("varchar", {"new", "lost"}),
    "tags": Column("varchar[]"),
    "seen_on": Column("date"),
    "is_member": Column("boolean"),
    "open_cases": Column("bigint"),
    "payload": Column("map(varchar, varchar)"),
}


def _cases(name: str) -> list[dict[str, str]]:
    with (CASES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("case", _cases("rules_refused.csv"), ids=lambda case: case["rule"])
def test_what_is_no_rule_is_refused_with_advice(case: dict[str, str]) -> None:
    with pytest.raises(RuleError) as refused:
        parse_rule(case["rule"], COLUMNS)
    assert case["message"] in str(refused.value)


def test_steps_stand_in_postfix_order_with_values_apart_from_words() -> None:
    assert parse_rule("orders >= 2 and not tier in ('gold', 'it''s')", COLUMNS) == [
        Step("test", "orders", ">=", "number", ("2",)),
        Step("test", "tier", "in", "text", ("gold", "it's")),
        Step("not"),
        Step("and"),
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "orders = 1 or " * (MAX_CHARACTERS // 14 + 1) + "orders = 1",
        "(" * (MAX_DEPTH + 1) + "true" + ")" * (MAX_DEPTH + 1),
        "not " * (MAX_DEPTH + 1) + "true",
        "orders in (" + ",".join("1" for _ in range(MAX_VALUES + 1)) + ")",
    ],
    ids=["too long", "too many parentheses", "too many nots", "too many values"],
)
def test_a_rule_has_bounds(rule: str) -> None:
    with pytest.raises(RuleError):
        parse_rule(rule, COLUMNS)
