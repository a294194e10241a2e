"""The DuckDB that files are taken in with: in memory, so it neither needs nor locks the working database.

What belongs here: its life. What does not: what is asked of it (`readers.py`, `ingest.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import duckdb

from orchestration.database import engine_config, memory_bytes, threads
from orchestration.settings import Settings

# Files of 100 MB needed more than 71 MiB with two threads, and less than 143.
_LEAST_MEMORY = 256 * 2**20
# Of files one waits for DuckDB or the disk while another is in Python; more would only wait for Python.
_MOST_AT_ONCE = 4


def how_many(settings: Settings, tasks: int) -> int:
    """How many engines to open for so many tasks: one on each core, while each has memory for a large file."""
    wanted = min(tasks, threads(settings), _MOST_AT_ONCE)
    return max(1, min(wanted, memory_bytes(settings) // _LEAST_MEMORY)) if wanted > 1 else 1


class Engine:
    """One DuckDB for many files, since opening one costs more than reading a small file; open inside a `with`."""

    def __init__(self, settings: Settings, *, beside: int = 0) -> None:
        """Remember the limits, shared with the engines that work `beside` this one; nothing is opened yet."""
        self._config = engine_config(settings)
        if beside:
            self._config["memory_limit"] = f"{memory_bytes(settings) // (1 + beside) // 2**20}MiB"
            self._config["threads"] = max(1, threads(settings) // (1 + beside))
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
