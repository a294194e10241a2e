"""What the kept tables of this room were made by, so that a run builds again only what its inputs changed.

What belongs here: the checksum of code, policy and engine behind a table (its recipe), and the note of it, which is
written in one transaction with the table. What does not: which rows of a table are due (the module that builds it
compares contents).
"""

import hashlib
from functools import cache
from pathlib import Path

import duckdb


def recipe(*parts: object) -> str:
    """Checksum of what decides a table besides its input rows: this room's code, the engine, and `parts` of policy."""
    return hashlib.sha256(repr((_code(), duckdb.__version__, parts)).encode()).hexdigest()


def why_all_is_due(connection: duckdb.DuckDBPyConnection, table: str, made_by: str) -> str:
    """Say why what is kept of `identity.<table>` does not hold; empty where it was made by the recipe `made_by`."""
    _write_table(connection)
    row = connection.execute("select recipe from identity.recipes where table_name = ?", [table]).fetchone()
    if row is None:
        return "nothing is kept of an earlier run"
    return "" if row[0] == made_by else "policy, code or engine changed since the last run"


def note_recipe(connection: duckdb.DuckDBPyConnection, table: str, made_by: str) -> None:
    """Write down what `identity.<table>` was made by; to be called in the transaction that writes it."""
    _write_table(connection)
    connection.execute("delete from identity.recipes where table_name = ?", [table])
    connection.execute("insert into identity.recipes values (?, ?)", [table, made_by])


def _write_table(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table if not exists identity.recipes (table_name varchar, recipe varchar)")


@cache
def _code() -> str:
    here = Path(__file__).parent
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(here.glob("*.py")))).hexdigest()
