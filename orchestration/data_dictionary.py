"""The data dictionary: every published table and column in words, as a page.

What belongs here: turning what dbt's manifest and `publication/published_columns.yml` say into
`docs/data-dictionary.md`. What does not: the descriptions, which stand beside the models and in that file.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.publication.build import column_comments, described_tables

PAGE = Path("docs") / "data-dictionary.md"
REFRESH = "c360 dictionary"

_HEAD = f"""# Data dictionary

Every table and column of the published file `<warehouse>/serving/current/c360.duckdb`. Written by `{REFRESH}` from
dbt's manifest; do not edit, describe the column in the yml beside its model. The same words are comments in the file:
`select table_name, column_name, comment from duckdb_columns()`.
"""


@dataclass(frozen=True)
class DescribedTable:
    """A published table in words; `columns` are name, type and description, in the order of the file."""

    name: str
    description: str
    columns: list[tuple[str, str, str]]


def published_tables(manifest: Mapping[str, Any]) -> list[DescribedTable]:
    """The marts as dbt's manifest describes them, then the identity and quality tables."""
    marts = [
        DescribedTable(
            f"marts.{node['alias']}",
            node["description"],
            [(name, column["data_type"] or "", column["description"]) for name, column in node["columns"].items()],
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
    ]
    others = [
        DescribedTable(
            name, description, [(column, "", said) for column, said in column_comments().get(name, {}).items()]
        )
        for name, description in described_tables().items()
    ]
    return [*sorted(marts, key=lambda table: table.name), *others]


def render(manifest_file: Path) -> str:
    """The page from a manifest of dbt."""
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    tables = published_tables(manifest)
    parts = [_HEAD, "\n".join(f"- [{t.name}](#{t.name.replace('.', '')})" for t in tables)]
    parts += ["\n".join(_section(table)) for table in tables]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(table: DescribedTable) -> Iterator[str]:
    typed = any(kind for _, kind, _ in table.columns)
    yield f"## {table.name}\n"
    yield f"{_line(table.description)}\n"
    yield "| column | type | what it says |" if typed else "| column | what it says |"
    yield "| --- | --- | --- |" if typed else "| --- | --- |"
    for name, kind, said in table.columns:
        yield f"| `{name}` | {kind} | {_line(said)} |" if typed else f"| `{name}` | {_line(said)} |"


def _line(text: str) -> str:
    """Text that fits a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
