"""Events kept over open connections are the events that Dagster's own storage reads."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection

from orchestration.event_storage import OpenSqliteEventLogStorage
from orchestration.jobs import open_instance
from orchestration.settings import Settings


@dg.asset
def numbers() -> int:
    return 1


@pytest.fixture
def instance(own_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    monkeypatch.setenv("DAGSTER_HOME", "")
    return open_instance(own_settings)


def test_dagster_reads_what_was_kept_and_old_runs_are_closed(
    own_settings: Settings, instance: dg.DagsterInstance
) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, OpenSqliteEventLogStorage)
    with instance:
        runs = [dg.materialize([numbers], instance=instance).run_id for _ in range(4)]
        assert len(storage._engines) == 3
        kept = {run: len(instance.all_logs(run)) for run in runs}
    files = SqliteEventLogStorage(str(Path(own_settings.dagster_home) / "history" / "runs"))
    assert {run: len(files.get_logs_for_run(run)) for run in runs} == kept
    assert files.get_latest_materialization_events([numbers.key])[numbers.key] is not None


def test_a_run_that_was_deleted_is_empty_and_does_not_break_the_next(instance: dg.DagsterInstance) -> None:
    with instance:
        run = dg.materialize([numbers], instance=instance).run_id
        instance.delete_run(run)
        assert instance.all_logs(run) == []
        assert dg.materialize([numbers], instance=instance).success


def test_a_file_is_asked_once_which_tables_columns_and_shape_it_has(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    has_table, has_column = SqliteEventLogStorage.has_table, SqliteEventLogStorage._has_asset_key_col_on_connection
    has_shape = SqliteEventLogStorage.has_secondary_index

    def ask_table(storage: SqliteEventLogStorage, table: str) -> bool:
        asked.append(table)
        return has_table(storage, table)

    def ask_column(storage: SqliteEventLogStorage, connection: Connection, column: str) -> bool:
        asked.append(column)
        return has_column(storage, connection, column)

    def ask_shape(storage: SqliteEventLogStorage, shape: str) -> bool:
        asked.append(shape)
        return has_shape(storage, shape)

    monkeypatch.setattr(SqliteEventLogStorage, "has_secondary_index", ask_shape)
    monkeypatch.setattr(SqliteEventLogStorage, "has_table", ask_table)
    monkeypatch.setattr(SqliteEventLogStorage, "_has_asset_key_col_on_connection", ask_column)
    storage = instance.event_log_storage
    assert isinstance(storage, OpenSqliteEventLogStorage)
    with instance:
        for _ in range(3):
            dg.materialize([numbers], instance=instance)
            instance.get_asset_records([numbers.key])
        assert not storage.has_table("no_such_table")
    assert len(asked) == len(set(asked))
    assert {"last_materialization_timestamp", "asset_key_index_columns"} <= set(asked)
