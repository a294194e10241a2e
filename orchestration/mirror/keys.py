"""Keys of the marts, as dbt's tests declare them.

What belongs here: reading them from dbt's manifest. What does not: making them in a server (`mirror.py`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What readers look rows up by, beside the key of the table.
_LOOKED_UP = "customer_id"


@dataclass(frozen=True)
class Keys:
    """What identifies a row: `primary` where no part can be empty, else `unique`; both empty where nothing does."""

    primary: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()

    def index(self, columns: list[str]) -> tuple[str, ...]:
        """Columns of the index to make beside the key; empty where the key serves or there is nothing to look up."""
        leading = (self.primary or self.unique)[:1]
        return (_LOOKED_UP,) if _LOOKED_UP in columns and leading != (_LOOKED_UP,) else ()


def declared_keys(manifest_file: Path) -> dict[str, Keys]:
    """Keys by published table (`marts.customer_360`), from the tests `unique`, `unique_combination` and `not_null`.

    Args:
        manifest_file: dbt's `manifest.json`.
    """
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    unique: dict[str, tuple[str, ...]] = {}
    filled: dict[str, set[str]] = {}
    for model, test, columns in _tests(manifest):
        if test == "not_null":
            filled.setdefault(model, set()).update(columns)
        elif model not in unique or len(columns) < len(unique[model]):
            unique[model] = columns
    nodes = manifest["nodes"]
    return {
        f"{nodes[model]['schema']}.{nodes[model]['alias']}": (
            Keys(primary=columns) if set(columns) <= filled.get(model, set()) else Keys(unique=columns)
        )
        for model, columns in sorted(unique.items())
        if nodes[model]["schema"] == "marts"
    }


def _tests(manifest: dict[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Model, name of the test and its columns, for the tests that say something of keys and hold for all rows."""
    for node in manifest["nodes"].values():
        metadata = node.get("test_metadata") or {}
        model = node.get("attached_node")
        config = node.get("config", {})
        if model not in manifest["nodes"] or config.get("where") or config.get("severity", "error").lower() != "error":
            continue
        if metadata.get("name") in ("unique", "not_null") and node.get("column_name"):
            yield model, metadata["name"], (node["column_name"],)
        elif metadata.get("name") == "unique_combination":
            yield model, "unique", tuple(metadata["kwargs"]["columns"])
