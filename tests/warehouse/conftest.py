"""One built warehouse per module: dbt is started once and its tables are read many times."""

import os
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.settings import Settings
from orchestration.valuation.assets import MODELS_READ
from orchestration.valuation.values import make_values
from orchestration.warehouse import runner
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
        settings.temp_dir.mkdir(exist_ok=True)
        runner.write_rules(settings)
        folder = str(runner.project_dir(settings))
        target = str(runner.target_dir(settings))
        command = [runner.dbt_executable(), "--no-use-colors"]
        command += runner.build_arguments(as_of, unit_tests=unit_tests, select=select)
        command += ["--indirect-selection", "cautious"] if select else []
        command += ["--show-all-deprecations", "--project-dir", folder, "--profiles-dir", folder]
        command += ["--target-path", target, "--log-path", target]
        environment = runner.merged(os.environ, runner.environment(settings))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.fail("\n".join(done.stdout.splitlines()[-40:]) + done.stderr)
        return done.stdout

    return build


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """An empty world: every source table, no row."""
    path: Path = tmp_path_factory.mktemp("world")
    return World(path)
