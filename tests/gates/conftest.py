import shutil
from datetime import date
from pathlib import Path

import pytest

from data_quality.contract import load_contracts
from orchestration import database
from orchestration.gates.conservation import balance_deliveries, balance_marts
from orchestration.settings import Settings

AS_OF = date(2026, 6, 30)
SMALL_WAREHOUSE = Path(__file__).parents[1] / "publication" / "small_warehouse.sql"


@pytest.fixture(scope="session")
def sound_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small warehouse in which everything is as it should be, to copy."""
    folder = tmp_path_factory.mktemp("sound") / "warehouse"
    with database.connect(Settings(_env_file=None, landing=folder, warehouse=folder)) as con:
        con.execute(SMALL_WAREHOUSE.read_text(encoding="utf-8"))
        balance_deliveries(con, load_contracts().values(), AS_OF)
        balance_marts(con, load_contracts().values(), AS_OF)
    return folder


@pytest.fixture
def settings(sound_warehouse: Path, tmp_path: Path) -> Settings:
    """A copy of the sound warehouse that a test may break."""
    shutil.copytree(sound_warehouse, tmp_path / "warehouse")
    return Settings(_env_file=None, landing=tmp_path / "landing", warehouse=tmp_path / "warehouse")


@pytest.fixture
def change(settings: Settings):
    """Run SQL on the working database."""

    def call(sql: str) -> None:
        with database.connect(settings) as con:
            con.execute(sql)

    return call
