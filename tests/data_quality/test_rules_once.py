"""A rule is stated once: in a suite of Great Expectations or as a dbt test, never in both or twice."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from data_quality.suite import Expectation, load_suites
from orchestration.gates import conservation

ROOT = Path(__file__).parents[2]
SCHEMAS = {"marts": "marts", "activation": "marts", "intermediate": "intermediate", "quality": "quality"}
SAME_RULE = {
    "expect_column_values_to_be_unique": "unique",
    "expect_column_values_to_not_be_null": "not_null",
    "expect_column_values_to_be_in_set": "accepted_values",
    "expect_compound_columns_to_be_unique": "unique_combination",
}

Rule = tuple[str, str, str]
"""Table, column or columns, and what must be true of it."""


def named_tests(tests: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for test in tests:
        if isinstance(test, str):
            yield test, {}
        else:
            ((name, settings),) = [(n, s) for n, s in test.items() if n != "config"][:1]
            yield name, (settings or {}).get("arguments", settings or {})


def dbt_rules() -> list[Rule]:
    """The rules of all models' yml files, by the table that the model becomes."""
    found: list[Rule] = []
    for path in sorted((ROOT / "models").rglob("*.yml")):
        folder = path.relative_to(ROOT / "models").parts[0]
        schema = "intermediate" if path.parent.name == "intermediate" else SCHEMAS.get(folder, folder)
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            table = f"{schema}.{model['name']}"
            for name, arguments in named_tests(model.get("data_tests", [])):
                found.append((table, ",".join(sorted(map(str, arguments.get("columns", [])))), name))
            for column in model.get("columns", []):
                found += [(table, column["name"], name) for name, _ in named_tests(column.get("data_tests", []))]
    return found


def suite_rule(expectation: Expectation) -> Rule | None:
    """The rule of an expectation in the words of dbt; None for what dbt has no generic test for."""
    arguments = expectation.arguments
    if expectation.type in SAME_RULE:
        columns = arguments.get("column_list") or [arguments["column"]]
        return expectation.table, ",".join(sorted(columns)), SAME_RULE[expectation.type]
    sql = " ".join(str(arguments.get("sql", "")).split())
    alone = re.search(r"from \{table\} where (\w+) is null$", sql)
    if alone:
        return expectation.table, alone[1], "not_null"
    doubled = re.search(r"from \{table\} group by ([\w, ]+) having count\(\*\) > 1$", sql)
    if doubled:
        columns = sorted(c.strip() for c in doubled[1].split(","))
        return expectation.table, ",".join(columns), "unique" if len(columns) == 1 else "unique_combination"
    return None


def expectations() -> list[Expectation]:
    return [e for suite in load_suites().values() for e in suite.expectations]


def test_no_expectation_says_what_a_dbt_test_says():
    stated = dbt_rules()
    assert len(stated) > 50
    assert {rule for e in expectations() if (rule := suite_rule(e))} & set(stated) == set()


def test_no_model_states_a_rule_twice():
    # One column may have several tests of one kind with other arguments (`holds`, `relationships`).
    plain = [r for r in dbt_rules() if r[2] in ("unique", "not_null", "accepted_values", "unique_combination")]
    assert [r for r, times in Counter(plain).items() if times > 1] == []


def test_no_two_expectations_look_for_the_same_rows():
    said = Counter((e.table, e.type, " ".join(str(sorted(e.arguments.items())).split())) for e in expectations())
    assert [key for key, times in said.items() if times > 1] == []


def test_every_hop_of_conservation_has_one_check_and_dbt_adds_none_up():
    named = Counter(hop for e in expectations() for hop in re.findall(r"hop = '(\w+)'", str(e.arguments)))
    # The last hop is counted on the built file, where publication itself refuses.
    assert named == dict.fromkeys(conservation.HOPS[:-1], 1)
    assert not list((ROOT / "models").rglob("*reconciliation*"))


def test_every_check_has_a_severity_an_owner_and_a_reason():
    for suite in load_suites().values():
        assert all(
            suite.owner_of(e) and len(e.why) >= 10 and e.severity in ("error", "warn") for e in suite.expectations
        )
