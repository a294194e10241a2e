"""What the kept tables of this room were made by, so that a run builds again only what its inputs changed.

What belongs here: the checksum of code, policy and engine behind a table (its recipe), and the note of it, which is
written in one transaction with the table. What does not: which rows of a table are due (the module that builds it
compares contents).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from orchestration.database import table_exists
from orchestration.files import checksum

# Above this share of rows it costs less to write a table anew than to find the rows that go.
_MOST_AS_DELTA = 0.5


@dataclass(frozen=True)
class Built:
    """How many rows a table has, how many were made again, and why all of them were; empty where only some were."""

    rows: int
    due: int
    full_because: str


def recipe(*parts: object) -> str:
    """Checksum of what decides a table besides its input rows: this room's code, the engine, and `parts` of policy."""
    return hashlib.sha256(repr((_code(), duckdb.__version__, parts)).encode()).hexdigest()


def why_all_is_due(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    made_by: str,
    contents: str | None = None,
    along: Sequence[str] = (),
) -> str:
    """Say why what is kept of `identity.<table>` does not hold; empty where it does.

    It holds where it was made by the recipe `made_by`. Where the checksums of its rows are not in it but in
    `identity.<contents>`, that must have one for each. Tables made along with it (`along`) must be there.
    """
    noted = recipe_of(connection, table)
    beside = contents or table
    if noted is None or not all(table_exists(connection, "identity", name) for name in (table, beside, *along)):
        return "nothing is kept of an earlier run"
    if noted != made_by:
        return "policy, code or engine changed since the last run"
    counts = connection.execute(
        f"select (select count(*) from identity.{table}) = (select count(*) from identity.{beside})"
    ).fetchone()
    return "" if counts and counts[0] else "what is kept of the last run is incomplete"


def find_due(connection: duckdb.DuckDBPyConnection, kept: str, key: Sequence[str]) -> str:
    """Compare the contents of now with those `kept`; say why all is due where most is, else return an empty text.

    Reads temporary table `contents_now` and the table `kept`, both with the columns `key` and `content`. Writes
    temporary tables `due` (keys that are new or of another content) and `gone` (keys that are no more).
    """
    columns = ", ".join(key)
    connection.execute(
        f"""
        create or replace temp table differing as
        select {columns}, now.content is null as is_gone
        from contents_now as now full join {kept} as kept using ({columns})
        where now.content is distinct from kept.content;
        create or replace temp table due as select {columns} from differing where not is_gone;
        create or replace temp table gone as select {columns} from differing where is_gone;
        drop table differing
        """
    )
    return "most of it changed" if most_of_it(connection, "due", "contents_now") else ""


def most_of_it(connection: duckdb.DuckDBPyConnection, due: str, rows: str) -> bool:
    """Say whether so many of the rows of a table are due that writing all of it costs less."""
    row = connection.execute(f"select (select count(*) from {due}), (select count(*) from {rows})").fetchone()
    parts, whole = row or (0, 0)
    return bool(parts > _MOST_AS_DELTA * whole)


def recipe_of(connection: duckdb.DuckDBPyConnection, table: str) -> str | None:
    """What `identity.<table>` was made by; None where that was not noted."""
    _write_table(connection)
    row = connection.execute("select recipe from identity.recipes where table_name = ?", [table]).fetchone()
    return row[0] if row else None


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
    return checksum(here.glob("*.py"), here)
