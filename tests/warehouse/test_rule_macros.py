"""What a rule gives in the database: each case is parsed, rendered by dbt's own Jinja, and asked of DuckDB."""

import csv
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pytest
from dbt_common.clients.jinja import get_environment
from dbt_common.exceptions.macros import MacroReturn

from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse.rule_language import parse_rule
from tests.warehouse.test_rule_language import COLUMNS

CASES = Path(__file__).parents[1] / "cases" / "rules.csv"
MACROS = PROJECT_ROOT / "dbt_project" / "macros" / "rules.sql"
Macros = dict[str, Callable[..., Any]]


def _macros(engine: str) -> Macros:
    """The macros of `rules.sql` as functions, as `engine` would get them."""
    macros: Macros = {}

    class Adapter:
        @staticmethod
        def dispatch(name: str) -> Callable[..., Any]:
            return macros.get(f"{engine}__{name}") or macros[f"default__{name}"]

    def give(value: object) -> NoReturn:
        raise MacroReturn(value)

    context: dict[str, object] = {"adapter": Adapter, "return": give}
    module = get_environment().from_string(MACROS.read_text(encoding="utf-8"), globals=context).module

    def callable_macro(macro: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object) -> object:
            try:
                return macro(*arguments)
            except MacroReturn as returned:
                return returned.value

        return call

    for name in dir(module):
        if name.startswith("dbt_macro__"):
            macros[name.removeprefix("dbt_macro__")] = callable_macro(getattr(module, name))
    # Jinja looks names up when a macro is called, so the macros find each other here.
    context.update(macros)
    return macros


@pytest.fixture(scope="module")
def macros() -> Macros:
    return _macros("duckdb")


def _steps(rule: str, valid_from: str = "2000-01-01") -> list[dict[str, Any]]:
    """Steps as `policy_rule_steps` hands them over."""
    return [
        {
            "rule": "r",
            "valid_from": valid_from,
            "position": position,
            "step": step.kind,
            "column_name": step.column,
            "comparison": step.comparison,
            "value_type": step.value_type,
            "operands": list(asdict(step)["values"]),
        }
        for position, step in enumerate(parse_rule(rule, COLUMNS), start=1)
    ]


def _cases() -> list[dict[str, str]]:
    with CASES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["rule"])
def test_a_rule_holds_where_its_words_say(macros: Macros, case: dict[str, str]) -> None:
    condition = macros["rule_holds"](_steps(case["rule"]), "r", "people.as_of", "people")
    values: list[Any] = [case["tags"].split("|") if case["tags"] else None]
    values += [case[name] or None for name in ("orders", "revenue", "tier", "seen_on", "is_member", "open_cases")]
    found = duckdb.execute(
        f"select {condition} from (select $1::varchar[] as tags, $2::integer as orders, $3::decimal(18,4) as revenue, "
        "$4::varchar as tier, $5::date as seen_on, $6::boolean as is_member, $7::bigint as open_cases) as people",
        values,
    ).fetchone()
    assert found == (case["outcome"] == "true",), condition


def test_a_day_is_judged_by_the_version_in_force(macros: Macros) -> None:
    steps = [*_steps("orders >= 1", "2026-01-01"), *_steps("orders >= 5", "2026-07-01")]
    condition = macros["rule_holds"](steps, "r", "people.day", "people")
    days = "(values (date '2025-12-31'), (date '2026-06-30'), (date '2026-07-01')) as days (day)"
    found = duckdb.sql(
        f"select {condition} as holds from (select day, 3 as orders from {days}) as people order by people.day"
    ).fetchall()
    assert found == [(True,), (True,), (False,)]


def test_another_engine_gets_its_own_quotes_and_lists() -> None:
    spark = _macros("spark")
    condition = spark["rule_holds"](_steps(r"tier = 'it''s \ here' and tags contains 'a'"), "r", "d", "p")
    assert r"'it\'s \\ here'" in condition
    assert "array_contains(p.tags, 'a')" in condition
