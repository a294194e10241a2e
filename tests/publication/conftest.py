import shutil
from datetime import date, datetime
from pathlib import Path

import pytest

from data_quality.results import CheckResult
from data_quality.suite import load_suites
from orchestration import database
from orchestration.gates.store import append_results
from orchestration.publication.publish import GATES, publish
from orchestration.publication.versions import Version
from orchestration.settings import Settings

SMALL_WAREHOUSE = Path(__file__).with_name("small_warehouse.sql")


@pytest.fixture(scope="session")
def sound_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small warehouse whose gates have all passed, to copy."""
    folder = tmp_path_factory.mktemp("sound") / "warehouse"
    settings = Settings(_env_file=None, landing=folder, warehouse=folder)
    with database.connect(settings) as con:
        con.execute(SMALL_WAREHOUSE.read_text(encoding="utf-8"))
    record_gates(settings)
    return folder


@pytest.fixture
def settings(sound_warehouse: Path, tmp_path: Path) -> Settings:
    """A copy of the sound warehouse, ready to publish."""
    shutil.copytree(sound_warehouse, tmp_path / "warehouse")
    return Settings(_env_file=None, landing=tmp_path / "landing", warehouse=tmp_path / "warehouse")


def record_gates(settings: Settings, *, failed: str | None = None, minute: int = 0) -> None:
    """Store a passed result for every gate, but for one check."""
    with database.connect(settings) as con:
        for stage, suite in load_suites().items():
            if stage in GATES:
                append_results(
                    con,
                    run_id=f"run{minute}",
                    stage=stage,
                    checked_at=datetime(2026, 6, 30, 2, minute),  # noqa: DTZ001 - business time
                    results=[
                        CheckResult(e.name, e.table, e.severity, e.name != failed, int(e.name == failed), "1 row")
                        for e in suite.expectations
                    ],
                )


@pytest.fixture
def publish_now(settings: Settings):
    """Publish as a run would."""

    def call() -> Version:
        return publish(settings, as_of=date(2026, 6, 30), run_id="run0", fingerprint="f1")

    return call


@pytest.fixture
def change(settings: Settings):
    """Run SQL on the working database."""

    def call(sql: str) -> None:
        with database.connect(settings) as con:
            con.execute(sql)

    return call


@pytest.fixture
def gates():
    return record_gates
