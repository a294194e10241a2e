"""The seeds of dbt as tables: loaded as dbt loads them, without its 30 ms of CPU for each.

What belongs here: loading. What does not: which seeds there are and their types (`seeds/*/warehouse_*.yml`), checking
their rows (`policy_files.py`). `dbt_project/macros/seeds.sql` does the same for who runs dbt by hand.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import identifier, literal, transaction


def load_seeds(
    connection: duckdb.DuckDBPyConnection, project: Path, seeds: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    """Replace the table of each seed by what its file holds now; a column without a declared type is text.

    Args:
        connection: The working database.
        project: Folder of `dbt_project.yml`, where the paths of the files begin.
        seeds: Their nodes in the manifest.

    Returns:
        The number of rows by unique id of the seed.
    """
    rows: dict[str, int] = {}
    with transaction(connection):
        for seed in seeds:
            table = f"{identifier(seed['schema'])}.{identifier(seed['alias'])}"
            path = project / seed["original_file_path"]
            rows[seed["unique_id"]] = _load(connection, table, path, seed["config"]["column_types"])
    return rows


def _load(connection: duckdb.DuckDBPyConnection, table: str, path: Path, types: Mapping[str, str]) -> int:
    columns = ", ".join(f"{identifier(name)} {types.get(name, 'varchar')}" for name in _header(path))
    connection.execute(f"create or replace table {table} ({columns})")
    loaded = connection.execute(
        f"copy {table} from {literal(str(path))} (format csv, header true, delimiter ',', quote '\"', escape '\"')"
    ).fetchone()
    return loaded[0] if loaded else 0


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file))
