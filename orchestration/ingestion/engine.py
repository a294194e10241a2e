"""The DuckDB that files are taken in with: in memory, so it neither needs nor locks the working database.

What belongs here: its life. What does not: what is asked of it (`readers.py`, `ingest.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import duckdb

from orchestration.database import engine_config, memory_bytes
from orchestration.settings import Settings


class Engine:
    """One DuckDB for many files, since opening one costs more than reading a small file; open inside a `with`."""

    def __init__(self, settings: Settings, *, beside: int = 0) -> None:
        """Remember the limits, of memory its share with those that work `beside` it; nothing is opened yet."""
        self._config = engine_config(settings)
        if beside:
            self._config["memory_limit"] = f"{memory_bytes(settings) // (1 + beside) // 2**20}MiB"
        self._database: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own for one file: what it leaves behind is gone with it."""
        if self._database is None:
            self._database = duckdb.connect(":memory:", config=self._config)
        connection = self._database.cursor()
        try:
            connection.execute("set timezone = 'UTC'")
            connection.execute("set enable_progress_bar = false")
            yield connection
        finally:
            connection.close()

    def renew(self) -> None:
        """Take another DuckDB from now on."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.renew()
