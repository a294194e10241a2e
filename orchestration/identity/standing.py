"""Whether the links of the last run still stand, because nothing that decides them changed since.

What belongs here: the checksum of all that decides links, and the note of it. What does not: what holds where something
did change (`kept_pairs.py`).

A run without news of people (an edited rule of another stage, a delivery of events alone) makes no links. The note is
taken away before links are made and written after all of them, so a run that is broken off leaves none.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import table_exists
from orchestration.identity.decisions import Decision
from orchestration.identity.name_shares import reference_fingerprint
from orchestration.identity.policy import IdentityPolicy
from orchestration.identity.recipes import recipe

_MADE = ("links", "clusters", "review_queue", "learned_blocks", "decisions", "subjects")


def all_that_decides(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, files: Sequence[Path], decisions: Sequence[Decision]
) -> str:
    """Checksum of records, mentions, decisions, rules, code, word lists, and the content of `files` (model and such).

    A record's `content` with the recipe of the records stands for all of its row.
    """
    sums = connection.execute(
        """
        select
            (select (count(*), sum(hash(source, record_key, content))) from identity.records),
            (select recipe from identity.recipes where table_name = 'records'),
            (select (count(*), sum(hash(source, record_key, mention_key, by_case, first_delivered)))
             from identity.mentions)
        """
    ).fetchone()
    contents = [file.read_bytes() if file.exists() else None for file in files]
    return recipe(sums, policy, decisions, contents, reference_fingerprint())


def standing(connection: duckdb.DuckDBPyConnection, decided_by: str) -> dict[str, Any] | None:
    """What was told of the links of the last run, where they were decided by the same; None where they do not stand."""
    _write_table(connection)
    row = connection.execute("select told from identity.links_decided_by where checksum = ?", [decided_by]).fetchone()
    if row is None or not all(table_exists(connection, "identity", table) for table in _MADE):
        return None
    told: dict[str, Any] = json.loads(row[0])
    return told


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Take the note away: links are going to be made."""
    _write_table(connection)
    connection.execute("delete from identity.links_decided_by")


def note(connection: duckdb.DuckDBPyConnection, decided_by: str, told: dict[str, Any]) -> None:
    """Write down by what the links were decided, and what is to be told of them; to be called after all is written."""
    connection.execute("insert into identity.links_decided_by values (?, ?)", [decided_by, json.dumps(told)])


def _write_table(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table if not exists identity.links_decided_by (checksum varchar, told varchar)")
