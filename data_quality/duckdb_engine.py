"""The SQLAlchemy dialect that lets Great Expectations push its checks down into DuckDB.

What belongs here: what DuckDB's dialect lacks for that, and how the engine is opened. What does not: any expectation.
"""

from pathlib import Path
from typing import Any

import duckdb_sqlalchemy
from sqlalchemy.dialects import registry
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy
from sqlalchemy.pool import NullPool


class BufferedExecutionContext(duckdb_sqlalchemy.DuckDBExecutionContext):
    """Fetches every result as soon as it is there.

    Great Expectations reads results after it has closed the transaction, and DuckDB's lazy
    results end with theirs. What it asks for is small: counts, and a handful of examples.
    """

    def post_exec(self) -> None:
        """Move the rows out of DuckDB before the transaction can end."""
        super().post_exec()  # type: ignore[no-untyped-call]
        description = self.cursor.description
        if description:
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                self.cursor, alternate_description=description, initial_buffer=self.cursor.fetchall()
            )


class BufferedDuckDBDialect(duckdb_sqlalchemy.Dialect):
    """DuckDB with buffered results: `duckdb+buffered:///file`."""

    supports_statement_cache = True
    execution_ctx_cls = BufferedExecutionContext


registry.register("duckdb.buffered", __name__, BufferedDuckDBDialect.__name__)


def engine_arguments(database: Path, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """URL and keyword arguments for `sqlalchemy.create_engine`: read-only, and no connection kept between uses.

    A pooled connection would hold the file's lock after the suite has run and keep the next step from writing.
    """
    return (
        f"duckdb+buffered:///{database}",
        {"poolclass": NullPool, "connect_args": {"read_only": True, "config": config}},
    )
