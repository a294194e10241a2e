"""What a reviewer sees: open pairs, decided pairs, and how many ids the last run changed.

What belongs here: reading those tables for a terminal or a spreadsheet, and taking a filled-in one back. What does not:
which pairs are open (`clustering.py`) and what decisions do (`decisions.py`).
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import table_exists
from orchestration.errors import UserError
from orchestration.identity.decisions import (
    RECORD_SOURCES,
    RecordRef,
    append_decisions,
    decisions_file,
    read_decisions,
)
from orchestration.spreadsheet_cells import text_of_cell, write_to_fill_in

_PAIR = ("left_source", "left_record_key", "right_source", "right_record_key")


def open_pairs(connection: duckdb.DuckDBPyConnection, limit: int) -> list[tuple[str, ...]]:
    """Pairs of `identity.review_queue`, the likeliest first: both records, weight, probability, fields, reason."""
    _resolved(connection, "review_queue")
    return connection.execute(
        """
        select
            left_source || ':' || left_record_key, right_source || ':' || right_record_key,
            coalesce(printf('%+.1f', match_weight), ''), coalesce(printf('%.3f', match_probability), ''),
            array_to_string(agree, ', '), array_to_string(differ, ', '), replace(reason, '_', ' ')
        from identity.review_queue
        order by review_queue.match_probability desc nulls last, review_queue.match_weight desc nulls last,
            left_source, left_record_key, right_source, right_record_key
        limit ?
        """,
        [limit],
    ).fetchall()


def decided_pairs(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Rows of `identity.decisions` as the last run took them: row, records, decision, by, on, status, message."""
    _resolved(connection, "decisions")
    return connection.execute(
        """
        select
            row_number, left_source || ':' || left_record_key, right_source || ':' || right_record_key, decision,
            decided_by, decided_on, status, message
        from identity.decisions order by row_number
        """
    ).fetchall()


def export_pairs(connection: duckdb.DuckDBPyConnection, file: Path) -> int:
    """Write all open pairs as CSV with empty columns for the decision; return their number.

    Record keys, weights and names of fields only.

    Raises:
        UserError: nothing was resolved yet, or the file cannot be written.
    """
    _resolved(connection, "review_queue")
    columns = (*_PAIR, "decision", "decided_by", "decided_on", "why", "match_probability", "agree", "differ", "reason")
    rows = connection.execute(
        """
        select
            left_source, left_record_key, right_source, right_record_key, null, null, null, null,
            match_probability, array_to_string(agree, ' '), array_to_string(differ, ' '), reason
        from identity.review_queue
        """
    ).fetchall()
    return write_to_fill_in(file, columns, rows)


def import_decisions(warehouse: Path, file: Path) -> int:
    """Take in the decisions of a filled-in export; return the number of new ones. Rows without one stay open.

    Raises:
        UserError: the file is missing, or a row holds a value that cannot be used; the message names it.
    """
    if not file.is_file():
        raise UserError(f"There is no file {file}: `c360 review list --export {file}` writes one to fill in.")
    target = decisions_file(warehouse)
    known = {(d.pair, d.verdict, d.decided_by, d.decided_on) for d in read_decisions(target)}
    filled_in = [replace(d, left=_as_delivered(d.left), right=_as_delivered(d.right)) for d in read_decisions(file)]
    new = [d for d in filled_in if (d.pair, d.verdict, d.decided_by, d.decided_on) not in known]
    append_decisions(target, new)
    return len(new)


def _as_delivered(shown: RecordRef) -> RecordRef:
    return RecordRef(shown.source, text_of_cell(shown.record_key))


def decided_record(file: Path, text: str) -> RecordRef:
    """The record of a decision that `source:key`, or a key alone, names; it need not be delivered any more.

    Raises:
        UserError: no decision names it, or several sources have the key.
    """
    source, _, key = text.partition(":")
    refs = {r for d in read_decisions(file) for r in (d.left, d.right)}
    found = {r for r in refs if r.record_key == text or (source in RECORD_SOURCES and r == RecordRef(source, key))}
    if len(found) != 1:
        what = "names several records" if found else "is in no decision"
        raise UserError(f"`{text}` {what}: write source:key as `c360 review list --decided` shows it.")
    return found.pop()


def id_stability(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The one row of `identity.id_stability`, column by column."""
    _resolved(connection, "id_stability")
    result = connection.execute("select * exclude (signature) from identity.id_stability")
    names = [d[0] for d in result.description or []]
    return dict(zip(names, result.fetchone() or (), strict=False))


def _resolved(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    if not table_exists(connection, "identity", table):
        raise UserError("Nothing was resolved yet: run `c360 refresh` first.")
