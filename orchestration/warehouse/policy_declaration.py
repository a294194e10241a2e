"""The declaration of the policy tables that models read: `warehouse_policies.yml`.

What belongs here: reading it. What does not: what it asks of a table (`policy_files.py`, `named_rows.py`,
`scheme_files.py`), and the tables' rows (`orchestration.policy_rows`).
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import UserError

DECLARATION = "warehouse_policies.yml"


class _EachKeyOnce(yaml.CSafeLoader):
    """YAML in which a key that stands twice is an error: the last one would win, and nobody would know."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        repeated = [key for key in keys if keys.count(key) > 1]
        if repeated:
            raise yaml.constructor.ConstructorError(
                problem=f"the key {repeated[0]!r} stands twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def declared_tables(policy_dir: Path, declaration: str = DECLARATION) -> list[dict[str, Any]]:
    """What the declaration says of each table that models read: `name`, `config` with `column_types` and `meta`.

    Raises:
        UserError: the file is absent or no YAML, or a key stands twice; the message says where.
    """
    path = policy_dir / declaration
    try:
        tables = _seeds(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"The declaration {path} is missing: restore it from the repository.") from error
    except yaml.YAMLError as error:
        raise UserError(f"The declaration {path} cannot be read: {error}") from error
    names = [table["name"] for table in tables]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(f"The declaration {path} holds {repeated[0]} twice: join the two.")
    return tables


@lru_cache(maxsize=4)
def _seeds(text: str) -> list[dict[str, Any]]:
    """The declared tables; every check reads the same text, and parsing it costs more than checking."""
    seeds: list[dict[str, Any]] = yaml.load(text, _EachKeyOnce)["seeds"]  # noqa: S506 - a safe loader
    return seeds
