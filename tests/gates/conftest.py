from pathlib import Path

import pytest

from orchestration import database
from orchestration.settings import Settings

SMALL_WAREHOUSE = Path(__file__).parents[1] / "publication" / "small_warehouse.sql"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A small warehouse in which everything is as it should be."""
    settings = Settings(_env_file=None, landing=tmp_path / "landing", warehouse=tmp_path / "warehouse")
    settings.warehouse.mkdir()
    with database.connect(settings) as con:
        con.execute(SMALL_WAREHOUSE.read_text(encoding="utf-8"))
    return settings


@pytest.fixture
def change(settings: Settings):
    """Run SQL on the working database."""

    def call(sql: str) -> None:
        with database.connect(settings) as con:
            con.execute(sql)

    return call
