"""A landing zone and a warehouse of one's own for each test of ingestion."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_quality.contract import load_contracts
from orchestration.database import connect
from orchestration.ingestion.discovery import deliveries_of, discover
from orchestration.ingestion.ingest import PartitionResult, ingest_partitions, record_unplaced
from orchestration.ingestion.raw_store import FileEntry, partition_dir, read_manifest, refresh_raw_views
from orchestration.settings import Settings
from tests.one_delivery import ingest_partition

DAY = date(2025, 3, 14)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    landing = tmp_path / "landing"
    landing.mkdir()
    return Settings(landing=landing, warehouse=tmp_path / "warehouse", threads=1, _env_file=None)


@pytest.fixture
def deliver(settings: Settings) -> Callable[..., Path]:
    def put(name: str, content: bytes | str, *, source: str = "pos", day: str = DAY.isoformat()) -> Path:
        folder = settings.landing / source / day
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


class Raw:
    """Takes deliveries in and answers from raw."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def ingest(self, table: str = "pos_sales", day: date = DAY, **options: Any) -> PartitionResult:
        return ingest_partition(self.settings, load_contracts()[table], day, **options)

    def ingest_all(self, table: str = "pos_sales") -> list[PartitionResult]:
        """Take in all deliveries of a dataset together."""
        contract = load_contracts()[table]
        return ingest_partitions(self.settings, contract, deliveries_of(contract, discover(self.settings)))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        record_unplaced(self.settings)
        with connect(self.settings) as con:
            refresh_raw_views(con, self.settings)
            return con.execute(sql).fetchall()

    def stored(self, columns: str, table: str = "pos_sales") -> list[tuple[Any, ...]]:
        """These columns of every stored row of the day, in file and line order."""
        data = self.folder(table) / "data.parquet"
        if not data.exists():
            return []
        return duckdb.execute(f"select {columns} from read_parquet(?) order by _file, _line", [str(data)]).fetchall()

    def folder(self, table: str = "pos_sales") -> Path:
        contract = load_contracts()[table]
        return partition_dir(self.settings, contract.source, contract.dataset, DAY)

    def take_in(self, columns: str, table: str = "pos_sales") -> list[tuple[Any, ...]]:
        """Ingest the day, and give these columns of every row in file and line order."""
        self.ingest(table)
        return self.stored(columns, table)

    def entries(self, table: str = "pos_sales") -> list[FileEntry]:
        """What is remembered of the day's files, by path."""
        return [entry for _, entry in sorted(read_manifest(self.folder(table)).files.items())]

    def entry(self, table: str = "pos_sales") -> FileEntry:
        """What is remembered of the day's one file."""
        (found,) = self.entries(table)
        return found

    def problem(self, table: str = "pos_sales") -> FileEntry:
        """Ingest the day, and give what is remembered of its one quarantined file."""
        self.ingest(table)
        (found,) = (entry for entry in self.entries(table) if entry.status == "quarantined")
        return found


@pytest.fixture
def raw(settings: Settings) -> Raw:
    return Raw(settings)
