"""The policy tables that hold rules: checked before a run, and written as steps that the models render.

What belongs here: which tables hold rules (`meta.rules` in `warehouse_policies.yml`), the columns their rules may
name, and the table `policy.rule_steps`. What does not: the language (`rule_language.py`), and the SQL that a rule
becomes (`dbt_project/macros/rules.sql`).

A table of rules is declared beside its types:

    - name: tag_rules
      config:
        enabled: true
        column_types: {...}
        meta: {rules: {name: tag, text: rule, over: customer_360, without: [tags], dictionary: tag_dictionary}}

`name` and `text` are its columns of the rule's name and text, `over` the model whose columns rules may name (those with
a `data_type` in its yml; `only` some of them, or all `without` the ones that rules make), `dictionary` a policy
table that must list the name. A column whose yml says `meta: {values: {table: …, column: …, where: {…}, also: […]}}`
can only be compared with a value that stands in that policy table or in `also`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

from orchestration.errors import UserError
from orchestration.policy_rows import read_policy_rows
from orchestration.warehouse.policy_declaration import DECLARATION, declared_tables
from orchestration.warehouse.rule_language import Column, RuleError, Step, parse_rule


@dataclass(frozen=True)
class DatedRule:
    """One row of a table of rules: what it is called, since when it holds, and what it comes down to."""

    policy: str
    row: int
    rule: str
    valid_from: date
    text: str
    steps: tuple[Step, ...]


def read_rules(policy_dir: Path, models_dir: Path) -> list[DatedRule]:
    """Read and check every rule of every policy table that is declared to hold rules.

    Args:
        policy_dir: The folder of the CSV files and of `warehouse_policies.yml`.
        models_dir: The folder of the dbt models, whose yml files say which columns there are.

    Returns:
        The rules in the order of the files.

    Raises:
        UserError: a rule is not in the language, names an unknown column, compares it with a value of another type, has
            no name or date, or stands twice; the message names file, row (the header is row 1), value and advice.
    """
    rules: list[DatedRule] = []
    for seed in declared_tables(policy_dir):
        declared = seed["config"].get("meta", {}).get("rules")
        if declared:
            columns = model_columns(policy_dir, models_dir, declared["over"])
            without = declared.get("without", [])
            only = declared.get("only", columns)
            columns = {name: column for name, column in columns.items() if name in only and name not in without}
            found = _rules_of(policy_dir / f"{seed['name']}.csv", declared, columns)
            if "dictionary" in declared:
                _check_names(policy_dir, seed["name"], declared, found)
            rules += found
    return rules


def model_columns(policy_dir: Path, models_dir: Path, model: str) -> dict[str, Column]:
    """The columns of a dbt model with their types, as its yml declares them, and the values that policy lets them hold.

    Raises:
        UserError: no yml of that name describes the model.
    """
    for path in sorted(models_dir.glob(f"**/{model}.yml")):
        for described in _described_models(path.read_text(encoding="utf-8")):
            if described["name"] == model:
                return {
                    column["name"]: Column(column["data_type"], _values(policy_dir, column))
                    for column in described.get("columns", [])
                    if "data_type" in column
                }
    raise UserError(
        f"No {model}.yml under {models_dir} describes the model {model}, whose columns the rules of {DECLARATION} name."
    )


@lru_cache(maxsize=8)
def _described_models(text: str) -> list[dict[str, Any]]:
    """The models that a yml file describes; several tables have rules over the same one."""
    models: list[dict[str, Any]] = yaml.load(text, yaml.CSafeLoader).get("models", [])
    return models


def _values(policy_dir: Path, column: Mapping[str, Any]) -> set[str] | None:
    """The texts that policy lets a column hold; None where its yml names no policy."""
    values = column.get("config", {}).get("meta", {}).get("values")
    if values is None:
        return None
    known = set(values.get("also", []))
    if "table" in values:
        where = values.get("where", {})
        known |= {
            line[values["column"]]
            for _, line in read_policy_rows(policy_dir / f"{values['table']}.csv", strip=True)
            if all(line[name] == wanted for name, wanted in where.items())
        }
    return known or None


def _check_names(policy_dir: Path, policy: str, declared: Mapping[str, Any], rules: list[DatedRule]) -> None:
    """Refuse a rule whose name the dictionary does not list."""
    name = declared["name"]
    listed = {line[name] for _, line in read_policy_rows(policy_dir / f"{declared['dictionary']}.csv", strip=True)}
    for rule in rules:
        if rule.rule not in listed:
            raise UserError(
                f"The policy table {policy_dir / policy}.csv, row {rule.row}, column {name}: {rule.rule!r} is not in "
                f"{declared['dictionary']}.csv. Add it there, or use one of {', '.join(sorted(listed))}."
            )


def write_rule_steps(con: duckdb.DuckDBPyConnection, rules: list[DatedRule]) -> int:
    """Replace `policy.rule_steps`: one row per step of a rule, in postfix order.

    Columns: `policy`, `rule`, `valid_from`, `rule_text`, `position` (from 1), `step` (`test` `and` `or` `not`
    `constant`), `column_name`, `comparison`, `value_type`, `operands` (a JSON list of texts). Returns the rows written.
    """
    rows = [
        (
            rule.policy,
            rule.rule,
            rule.valid_from,
            rule.text,
            position,
            step.kind,
            step.column,
            step.comparison,
            step.value_type,
            json.dumps(step.values, ensure_ascii=False),
        )
        for rule in rules
        for position, step in enumerate(rule.steps, start=1)
    ]
    con.execute("create schema if not exists policy")
    con.execute(
        "create or replace table policy.rule_steps (policy varchar, rule varchar, valid_from date, rule_text varchar, "
        "position integer, step varchar, column_name varchar, comparison varchar, value_type varchar, operands varchar)"
    )
    if rows:
        con.executemany("insert into policy.rule_steps values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return len(rows)


def _rules_of(path: Path, declared: Mapping[str, Any], columns: Mapping[str, Column]) -> list[DatedRule]:
    """The rules of one file."""
    rules: list[DatedRule] = []
    rows_seen: dict[tuple[str, date], int] = {}
    for row, line in read_policy_rows(path, strip=True):
        name, text = line[declared["name"]], line[declared["text"]]
        if not name:
            raise UserError(f"The policy table {path}, row {row}, has no {declared['name']}: give the rule a name.")
        try:
            valid_from = date.fromisoformat(line["valid_from"])
        except ValueError:
            raise UserError(
                f"The policy table {path}, row {row}, column valid_from: {line['valid_from']!r} is not a date. "
                "Write the first day on which the rule holds, such as 2026-01-01."
            ) from None
        if (name, valid_from) in rows_seen:
            raise UserError(
                f"The policy table {path}, row {row}: {name} has a rule from {valid_from} on in row "
                f"{rows_seen[name, valid_from]} already. Join the two with `or`, or give one a later valid_from."
            )
        rows_seen[name, valid_from] = row
        try:
            steps = parse_rule(text, columns)
        except RuleError as error:
            raise UserError(
                f"The policy table {path}, row {row}, column {declared['text']} of {name}: {error}. "
                f"Rules compare columns of {declared['over']} with values; docs/rules.md shows how."
            ) from error
        rules.append(DatedRule(path.stem, row, name, valid_from, text, tuple(steps)))
    return rules
