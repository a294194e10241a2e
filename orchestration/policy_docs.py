"""The policy tables as a page that a CRM person reads: `docs/policy.md`, made from the CSV files alone.

What belongs here: reading every table of `seeds/policy` with its description, and writing it in words. What does not:
checking the tables (`warehouse/policy_files.py`, `warehouse/rule_tables.py`), and what the rules do (the models).

Title and description of a table stand in one place: `warehouse_policies.yml` for what models read (`description`, and
`config.meta.title_zh` for its Chinese name), `policy_tables.py` for what Python reads.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import UserError
from orchestration.policy_tables import BESIDE_LINEAGE, POLICIES

DECLARATION = "warehouse_policies.yml"
REFRESH = "c360 policy docs"

_BEGINNING = date(2000, 1, 1)  # what a policy that always held carries as its first day
_HEADERS = {"label_zh": "中文", "valid_from": "since", "why": "why"}
_LAST = ("why", "valid_from")
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_NEEDS_CODE = re.compile(r"[_*|<>{}\[\]\\^$~#=]")
_INTRODUCTION = f"""# The rules in force

Every number that somebody may argue with, as the warehouse uses it. This page is made from the files of `seeds/policy`
by `{REFRESH}`; edit the files, never the page. A change takes effect with the next `c360 refresh`.

- **since** is the first day a row holds; a table without it has held from the beginning. A month of the past is judged
  by the rows that were in force on its last day, and days before the first row by the first.
- *At least* takes the bound in, *below* leaves it out. Where rows carry a *position*, the first that holds wins.
- `c360 policy show NAME --on 2026-06-30` shows a table as it was in force on a day.
- `c360 policy check` names file, row and value of what is wrong; a refresh refuses to begin with it.
- How a *rule* is written: [rules](rules.md).
"""


@dataclass(frozen=True)
class PolicyTable:
    """One policy file: its name, what it is for, its columns in their order, and its rows as written."""

    name: str
    title_zh: str
    description: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]

    def in_force(self, on: date) -> "PolicyTable":
        """The table with the rows that had begun by a day; where none had, those of the first day.

        Which of several versions of one row is meant is the reader's to see: they stand one after the other.
        """
        if "valid_from" not in self.columns:
            return self
        begun = [row for row in self.rows if _day(row) <= on]
        first = min((_day(row) for row in self.rows), default=on)
        kept = begun or [row for row in self.rows if _day(row) == first]
        return PolicyTable(self.name, self.title_zh, self.description, self.columns, tuple(kept))


def read_tables(policy_dir: Path) -> list[PolicyTable]:
    """Read every policy table, in the order of their declarations.

    Raises:
        UserError: a CSV file is described nowhere, or a described one is absent.
    """
    declared = yaml.load((policy_dir / DECLARATION).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["seeds"]
    described = {
        seed["name"]: (seed["description"], seed["config"].get("meta", {}).get("title_zh", "")) for seed in declared
    }
    described |= {name: (description, "") for name, description in (POLICIES | BESIDE_LINEAGE).items()}
    files = {path.stem for path in policy_dir.glob("*.csv")}
    for name in sorted(files - set(described)):
        raise UserError(
            f"The policy table {policy_dir / name}.csv is described nowhere: declare it in {DECLARATION} where a model "
            "reads it, or name it in orchestration/policy_tables.py where Python does."
        )
    for name in sorted(set(described) - files):
        raise UserError(f"The policy table {policy_dir / name}.csv is missing: restore it from the repository.")
    return [_read(policy_dir / f"{name}.csv", description, title) for name, (description, title) in described.items()]


def render(policy_dir: Path, models_dir: Path) -> str:
    """The whole page in Markdown.

    Args:
        policy_dir: The folder of the policy tables.
        models_dir: The folder of the models, whose yml files say what the measured words mean.
    """
    tables = read_tables(policy_dir)
    parts = [_INTRODUCTION, _contents(tables)]
    parts += [render_table(table) for table in tables]
    parts.append(_glossary(tables, models_dir))
    return "\n".join(parts).rstrip("\n") + "\n"


def render_table(table: PolicyTable) -> str:
    """One table with its heading, in Markdown."""
    heading = f"## {_words(table.name).capitalize()} {table.title_zh}".rstrip()
    lines = [heading, "", f"{table.description} (`seeds/policy/{table.name}.csv`)", ""]
    headers = _shown_columns(table)
    lines.append("| " + " | ".join(_HEADERS.get(name, _words(name)) for name in headers) + " |")
    lines.append("| " + " | ".join("---" for _ in headers) + " |")
    for row in table.rows:
        lines.append("| " + " | ".join(_cell(row, name) for name in headers) + " |")
    return "\n".join(lines) + "\n"


def _read(path: Path, description: str, title_zh: str) -> PolicyTable:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows = tuple({name: value or "" for name, value in row.items() if name} for row in reader)
        return PolicyTable(path.stem, title_zh, description, tuple(reader.fieldnames or ()), rows)


def _day(row: Mapping[str, str]) -> date:
    try:
        return date.fromisoformat(row["valid_from"].strip())
    except ValueError:
        return _BEGINNING


def _shown_columns(table: PolicyTable) -> list[str]:
    """Columns as a person reads them: bounds as one condition, why and since last, since only where rows differ."""
    columns = [name for name in table.columns if name not in _LAST]
    if {"at_least", "below"} <= set(columns):
        place = columns.index("metric") if "metric" in columns else columns.index("at_least")
        columns = [name for name in columns if name not in ("metric", "at_least", "below")]
        columns.insert(min(place, len(columns)), "condition")
    if "why" in table.columns:
        columns.append("why")
    if any(_day(row) != _BEGINNING for row in table.rows if row.get("valid_from")):
        columns.append("valid_from")
    return columns


def _cell(row: Mapping[str, str], column: str) -> str:
    if column == "condition":
        return _condition(row)
    value = row.get(column, "").strip()
    if column == "why":
        return value.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
    return _value(value)


def _condition(row: Mapping[str, str]) -> str:
    """`metric`, `at_least` and `below` of a row in words."""
    low, high = row.get("at_least", "").strip(), row.get("below", "").strip()
    metric = f"{_words(row['metric'].strip())} " if row.get("metric", "").strip() else ""
    if low and high:
        return f"{metric}at least {_number(low)} and below {_number(high)}"
    if low:
        return f"{metric}at least {_number(low)}"
    if high:
        return f"{metric}below {_number(high)}"
    return "the rest" if not metric else metric.strip()


def _value(value: str) -> str:
    if _PLAIN_NUMBER.fullmatch(value):
        return _number(value)
    if value.lower() in ("true", "false"):
        return "yes" if value.lower() == "true" else "no"
    if _NEEDS_CODE.search(value):
        return "`" + value.replace("`", "'").replace("|", "\\|") + "`"
    return value


def _number(value: str) -> str:
    """`50000.0000` as `50,000`; a number with leading zeros is a code and stays."""
    if not _PLAIN_NUMBER.fullmatch(value) or re.match(r"-?0[0-9]", value):
        return value
    whole, _, part = value.partition(".")
    part = part.rstrip("0")
    return f"{int(whole):,}" + (f".{part}" if part else "") if whole != "-0" else value


def _words(name: str) -> str:
    return name.replace("_", " ")


def _contents(tables: Sequence[PolicyTable]) -> str:
    links = []
    for table in tables:
        heading = f"{_words(table.name).capitalize()} {table.title_zh}".rstrip()
        links.append(f"[{heading}](#{heading.lower().replace(' ', '-')})")
    return " · ".join(links) + "\n"


def _glossary(tables: Iterable[PolicyTable], models_dir: Path) -> str:
    """What the measured words mean: the description of the column of that name."""
    metrics = sorted({row["metric"].strip() for table in tables for row in table.rows if row.get("metric", "").strip()})
    meanings: dict[str, str] = {}
    for column in _columns(models_dir):
        meanings.setdefault(column["name"], column.get("description", ""))
    lines = ["## What is measured", "", "| word | meaning |", "| --- | --- |"]
    lines += [f"| {_words(name)} | {meanings[name].replace('|', '/')} |" for name in metrics if meanings.get(name)]
    return "\n".join(lines) + "\n"


def _columns(models_dir: Path) -> Iterator[dict[str, Any]]:
    """Every described column of the models, in the order of the files."""
    for path in sorted(models_dir.glob("**/*.yml")):
        for model in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader).get("models") or []:
            yield from model.get("columns") or []
