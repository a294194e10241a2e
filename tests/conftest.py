"""Fixtures of what starts a run: a landing zone and warehouse of its own, named by the environment."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

from orchestration.settings import Settings
from tests.browser import chromium

Land = Callable[..., Path]
ROOT = Path(__file__).parents[1]

# The suite that gates a commit draws the same examples every time, so that it says something about the commit;
# `pytest --hypothesis-profile=explore` draws new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of `tests/pipeline/test_nights_equal_a_rebuild.py`, which says what they are for."""
    walks = parser.getgroup("walks")
    walks.addoption("--walk-seed", type=int, action="append", help="a walk to take; may be given again")
    walks.addoption("--walk-nights", type=int, help="nights of a walk")
    walks.addoption("--walk-compare", choices=("last", "each"), default="last", help="which nights to compare")
    walks.addoption("--walk-only", metavar="NAMES", help="changes to draw from, with commas between")


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty landing zone and an empty warehouse, as schedule and sensor read them."""
    (tmp_path / "landing").mkdir()
    for name in ("C360_AS_OF", "C360_ENVIRONMENT", "C360_FIRST_DELIVERY", "C360_TIMEZONE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("C360_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("C360_WAREHOUSE", str(tmp_path / "warehouse"))
    return Settings(_env_file=None)


@pytest.fixture
def land(own_settings: Settings) -> Land:
    """Put a small members file into the landing zone, by delivery date."""

    def put(day: str, rows: str = "M1,张三,13800000000\n", name: str = "members.csv") -> Path:
        path = own_settings.landing / "pos" / day / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("member_id,name,phone\n" + rows, encoding="utf-8")
        return path

    return put


@pytest.fixture(scope="session")
def declared_marts() -> str:
    """SQL that makes each mart as its contract declares it, without rows."""
    statements = ["create schema marts;"]
    for path in sorted(
        path.with_suffix(".yml") for room in ("marts", "activation") for path in (ROOT / "models" / room).glob("*.sql")
    ):
        for model in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["models"]:
            columns = ", ".join(f'"{column["name"]}" {column["data_type"]}' for column in model["columns"])
            name = model.get("config", {}).get("alias", model["name"])
            statements.append(f'create table marts."{name}" ({columns});')
    return "\n".join(statements)


@pytest.fixture(scope="session")
def refreshed_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated world, `landing` and refreshed `warehouse`, large enough that every chart has something to show.

    Slow: only for tests with that marker.
    """
    folder = tmp_path_factory.mktemp("world")
    c360 = Path(sys.executable).with_name("c360")
    where = ["--landing", str(folder / "landing")]
    subprocess.run([c360, "generate", *where, "--people", "2500", "--lines", "25000", "--days", "12"], check=True)
    subprocess.run([c360, "refresh", *where, "--warehouse", str(folder / "warehouse")], check=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium for all pages."""
    with chromium() as opened:
        yield opened
