"""What a reviewer sees: open pairs, decided pairs, and how many ids the last run changed.

What belongs here: reading those tables for a terminal or a spreadsheet. What does not: which pairs are open
(`clustering.py`) and what decisions do (`decisions.py`).
"""

import csv
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import table_exists
from orchestration.errors import UserError
from orchestration.identity.decisions import RECORD_SOURCES, RecordRef, read_decisions

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

    Record keys, weights and names of fields only. With a byte order mark, so that spreadsheets read it as UTF-8.
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
    with file.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return len(rows)


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
