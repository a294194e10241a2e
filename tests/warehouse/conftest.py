"""One built warehouse per module: dbt is started once and its tables are read many times."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.database import connect
from orchestration.settings import Settings
from orchestration.valuation.assets import MODELS_READ
from orchestration.valuation.values import make_values
from orchestration.warehouse import runner
from orchestration.warehouse.dbt_process import DbtFailedError
from tests.warehouse.world import World

Build = Callable[..., str]


@pytest.fixture(scope="session")
def dbt_build() -> Build:
    """Run `dbt build` on a world; return its output, fail with it when dbt fails.

    With `values` customers are valued between two builds, as in a refresh; without, buyers are `not_valued`.
    """

    def build(world: World, as_of: date | None, *, unit_tests: bool = False, values: bool = False) -> str:
        if values:
            run(world, as_of, unit_tests=False, select=[f"+{model}" for model in MODELS_READ])
            with duckdb.connect(str(world.path)) as con:
                make_values(con, Settings().policy_dir)
        return run(world, as_of, unit_tests=unit_tests, select=[])

    def run(world: World, as_of: date | None, *, unit_tests: bool, select: list[str]) -> str:
        settings = Settings(warehouse=world.warehouse)
        runner.prepare_manifest(settings)
        with connect(settings) as con:
            runner.write_rules(con, settings)
        arguments = runner.build_arguments(as_of, unit_tests=unit_tests, select=select)
        arguments += ["--indirect-selection", "cautious"] if select else []
        said: list[str] = []
        try:
            said.extend(event["info"]["msg"] for event in runner.run_dbt(settings, arguments))
        except DbtFailedError as error:
            pytest.fail(f"{error}\n" + "\n".join(said[-40:]))
        return "\n".join(said)

    return build


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """An empty world: every source table, no row."""
    path: Path = tmp_path_factory.mktemp("world")
    return World(path)
