"""The policy tables that hold rules: checked before a run, and written as steps that the models render.

What belongs here: which tables hold rules (`meta.rules` in `warehouse_policies.yml`), the columns their rules may
name, and the table `policy.rule_steps`. What does not: the language (`rule_language.py`), and the SQL that a rule
becomes (`dbt_project/macros/rules.sql`).

A table of rules is declared beside its types:

    - name: tag_rules
      config:
        enabled: true
        column_types: {...}
        meta: {rules: {name: tag, text: rule, over: customer_360, without: [tags]}}

`name` and `text` are its columns of the rule's name and text, `over` the model whose columns rules may name (those with
a `data_type` in its yml), `without` the ones of them that are made from the rules themselves.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import yaml

from orchestration.errors import UserError
from orchestration.warehouse.policy_files import DECLARATION
from orchestration.warehouse.rule_language import RuleError, Step, parse_rule


@dataclass(frozen=True)
class DatedRule:
    """One row of a table of rules: what it is called, since when it holds, and what it comes down to."""

    policy: str
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
    for seed in yaml.safe_load((policy_dir / DECLARATION).read_text(encoding="utf-8"))["seeds"]:
        declared = seed["config"].get("meta", {}).get("rules")
        if declared:
            columns = model_columns(models_dir, declared["over"])
            for made in declared.get("without", []):
                columns.pop(made, None)
            rules += _rules_of(policy_dir / f"{seed['name']}.csv", declared, columns)
    return rules


def model_columns(models_dir: Path, model: str) -> dict[str, str]:
    """The columns of a dbt model and their types, as its yml declares them.

    Raises:
        UserError: no yml of that name describes the model.
    """
    for path in sorted(models_dir.glob(f"**/{model}.yml")):
        for described in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            if described["name"] == model:
                return {c["name"]: c["data_type"] for c in described.get("columns", []) if "data_type" in c}
    raise UserError(
        f"No {model}.yml under {models_dir} describes the model {model}, whose columns the rules of {DECLARATION} name."
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


def _rules_of(path: Path, declared: Mapping[str, Any], columns: Mapping[str, str]) -> list[DatedRule]:
    """The rules of one file."""
    rules: list[DatedRule] = []
    rows_seen: dict[tuple[str, date], int] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row, line in enumerate(csv.DictReader(file), start=2):
            name, text = (line.get(declared["name"]) or "").strip(), (line.get(declared["text"]) or "").strip()
            if not name:
                raise UserError(f"The policy table {path}, row {row}, has no {declared['name']}: give the rule a name.")
            try:
                valid_from = date.fromisoformat((line.get("valid_from") or "").strip())
            except ValueError:
                raise UserError(
                    f"The policy table {path}, row {row}, column valid_from: {line.get('valid_from')!r} is not a date. "
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
            rules.append(DatedRule(path.stem, name, valid_from, text, tuple(steps)))
    return rules
