"""Where Dagster keeps the events of runs: its own SQLite files, opened once rather than once per event.

What belongs here: how those files are opened. What does not: what is stored in them, which is Dagster's, and read by
its UI as ever.

Dagster's class opens a connection, compiles its statements anew and waits for the disk for each of the thousand events
of a refresh: 20 ms each, a third of a small refresh. Here the connections of the last few files stay open. It also asks
the file for each event which tables, columns and shape it has; here once, since a file only gains them, by a migration
of another process.
"""

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._config import UserConfigSchema
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event

# The index over all runs and the run that is going on; a UI that pages through old runs must not gather open files.
_OPEN_FILES = 3


class OpenSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's event log in SQLite, with connections that stay open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._present: set[tuple[str, str]] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing to configure: the files lie where Dagster's own class has them, so a warehouse may be moved."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "OpenSqliteEventLogStorage":
        """Open the history below `DAGSTER_HOME`."""
        return cls(inst_data=inst_data, base_dir=str(Path(os.environ["DAGSTER_HOME"]) / "history" / "runs"))

    def has_table(self, table_name: str) -> bool:
        """Say whether the index has a table; that it has one is remembered."""
        if ("table", table_name) not in self._present and super().has_table(table_name):
            self._present.add(("table", table_name))
        return ("table", table_name) in self._present

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """Say whether the table of assets has a column; that it has one is remembered."""
        if ("column", column_name) not in self._present and super()._has_asset_key_col_on_connection(conn, column_name):
            self._present.add(("column", column_name))
        return ("column", column_name) in self._present

    def has_secondary_index(self, name: str) -> bool:
        """Say whether the index was brought to a newer shape; that it was is remembered."""
        if ("shape", name) not in self._present and super().has_secondary_index(name):
            self._present.add(("shape", name))
        return ("shape", name) in self._present

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """A transaction on the file of one run, or of the index."""
        with self._db_lock:
            engine = self._engine(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        """The engine of a file, made and its tables with it where there is none yet."""
        engine = self._engines.pop(shard, None)
        if engine is not None and not Path(self.path_for_shard(shard)).exists():  # a run that was deleted in the UI
            engine.dispose()
            engine = None
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                # One connection, handed from thread to thread under the lock.
                poolclass=StaticPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _wait_for_the_disk_at_checkpoints)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
        self._engines[shard] = engine
        while len(self._engines) > _OPEN_FILES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def dispose(self) -> None:
        """Close what is open."""
        while self._engines:
            self._engines.popitem()[1].dispose()
        super().dispose()


def _wait_for_the_disk_at_checkpoints(connection: sqlite3.Connection, _record: object) -> None:
    """A write-ahead log stays whole without waiting for the disk at each commit; a power cut costs the last events."""
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
