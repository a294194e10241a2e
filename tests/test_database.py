"""Limits of the engine."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from orchestration import database
from orchestration.errors import UserError
from orchestration.settings import Settings


@pytest.mark.parametrize(
    ("written", "limit"),
    [("4294967296\n", "819MiB"), ("max\n", None), (None, None)],
    ids=["container of 4 GiB", "container without a limit", "no container"],
)
def test_a_run_takes_a_fifth_of_what_it_may_use(
    written: str | None, limit: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "memory.max"
    if written is not None:
        told.write_text(written, encoding="ascii")
    monkeypatch.setattr(database, "_CONTAINER_LIMIT", told)
    monkeypatch.setattr(database.os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 4 * 2**20}.__getitem__)
    assert database.memory_limit(Settings(memory_limit=None)) == (limit or "3276MiB")


def test_every_connection_that_works_on_data_keeps_the_limit(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path, memory_limit="700MiB")
    with database.connect(settings) as connection:
        assert connection.execute("select current_setting('memory_limit')").fetchone() == ("700.0 MiB",)
    with duckdb.connect(config=database.engine_config(settings)) as connection:
        assert connection.execute("select current_setting('memory_limit')").fetchone() == ("700.0 MiB",)


def test_a_new_working_database_has_the_encodings_of_the_oldest_engine_we_allow(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path)
    with database.connect(settings) as connection:
        found = connection.execute(
            "select tags['storage_version'] from duckdb_databases() where not internal"
        ).fetchone()
    assert found == ("v1.5.0+",)
    with database.connect(settings, read_only=True) as connection:
        assert connection.execute("select count(*) from duckdb_schemas() where schema_name = 'marts'").fetchone() == (
            1,
        )


def test_a_table_or_view_exists_where_the_own_database_has_it_and_asking_ends_no_transaction(tmp_path: Path) -> None:
    with database.connect(Settings(warehouse=tmp_path)) as connection:
        connection.execute("attach ':memory:' as other")
        connection.execute("create schema other.elsewhere")
        connection.execute("create table other.elsewhere.known as select 1 as n")
        with database.transaction(connection):
            connection.execute("create table marts.known as select 1 as n")
            connection.execute("create view marts.seen as select n from marts.known")
            assert not database.table_exists(connection, "marts", "unknown")
            assert not database.table_exists(connection, "no schema", "known")
            assert not database.table_exists(connection, "elsewhere", "known")
        assert database.table_exists(connection, "marts", "known")
        assert database.table_exists(connection, "marts", "seen")


def _opens_otherwise(settings: Settings) -> bool:
    """Whether the file can be opened with another configuration, as DuckDB allows only where it is not open."""
    try:
        duckdb.connect(str(settings.database), read_only=True).close()
    except duckdb.ConnectionException:
        return False
    return True


def test_a_run_keeps_the_file_open_until_it_ends_or_somebody_else_opens_it(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path)
    with database.kept_open():
        with database.connect(settings) as connection:
            connection.execute("create table marts.known as select 1 as n")
            connection.execute("create temp table scratch as select 1 as n")
        assert not _opens_otherwise(settings)
        with database.connect(settings, read_only=True) as connection:
            assert connection.execute("select n from marts.known").fetchall() == [(1,)]
            with pytest.raises(duckdb.CatalogException):
                connection.execute("from scratch")
        database.close_kept()
        assert _opens_otherwise(settings)
        with database.connect(settings):
            pass
    assert _opens_otherwise(settings)


def test_a_step_that_failed_or_holds_much_memory_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(warehouse=tmp_path)
    with database.kept_open():
        with pytest.raises(duckdb.CatalogException), database.connect(settings) as connection:
            connection.execute("from nowhere")
        assert _opens_otherwise(settings)
        monkeypatch.setattr(database, "_LITTLE_MEMORY", 0)
        with database.connect(settings) as outer:
            with database.connect(settings) as inner:
                inner.execute("create table marts.known as select n from range(100000) as rows (n)")
            assert outer.execute("select count(*) from marts.known").fetchall() == [(100_000,)]
        assert _opens_otherwise(settings)


@pytest.mark.parametrize(
    ("limit", "size"), [("8GB", 8e9), ("500MB", 5e8), ("2GiB", 2 * 2**30), ("1536 KiB", 1536 * 2**10)]
)
def test_a_memory_limit_is_as_many_bytes_as_duckdb_takes_it_for(limit: str, size: float) -> None:
    assert database.memory_bytes(Settings(memory_limit=limit)) == pytest.approx(size, rel=0.01)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:-20],
        lambda whole: whole[: len(whole) // 2] + bytes(60) + whole[len(whole) // 2 + 60 :],
    ],
)
def test_a_damaged_file_of_raw_is_named_with_the_folder_to_delete(
    own_settings: Settings, damage: Callable[[bytes], bytes]
) -> None:
    folder = own_settings.raw_dir / "pos" / "sales" / "delivery_date=2026-06-30"
    folder.mkdir(parents=True)
    file = folder / "data.parquet"
    with database.connect(own_settings) as con:
        con.execute(f"copy (select md5(range::varchar) as name from range(50000)) to '{file}' (compression zstd)")
    file.write_bytes(damage(file.read_bytes()))
    with (
        pytest.raises(UserError, match=rf"{file} is damaged .+ Delete the folder {folder}; the next refresh"),
        database.connect(own_settings) as con,
    ):
        con.execute(f"select max(name) from read_parquet('{file}')").fetchall()


def test_a_fault_that_names_no_file_of_raw_keeps_its_traceback(own_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "other.parquet").write_bytes(b"")
    with pytest.raises(duckdb.Error), database.connect(own_settings) as con:
        con.execute(f"from read_parquet('{tmp_path / 'other.parquet'}')")
