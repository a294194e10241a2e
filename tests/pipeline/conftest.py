"""Fixtures of the whole way: the command line in a process of its own, and a reader of what it published."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[2]
C360 = Path(sys.executable).with_name("c360")

Refresh = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def c360() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run `c360 …` as a user would; nothing of the caller's C360_ environment leaks in."""

    def run(*arguments: object, timeout: float = 1800) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("C360_", "DAGSTER_"))}
        return subprocess.run(
            [str(C360), *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def refresh(c360: Callable[..., "subprocess.CompletedProcess[str]"]) -> Refresh:
    """Refresh a warehouse from a landing zone and insist that it goes well."""

    def run(landing: Path, warehouse: Path, *options: object) -> "subprocess.CompletedProcess[str]":
        done = c360("refresh", "--landing", landing, "--warehouse", warehouse, *options)
        assert done.returncode == 0, (
            f"c360 refresh ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
        return done

    return run


class Published:
    """A reader of the published file, as a BI tool opens it."""

    def __init__(self, warehouse: Path) -> None:
        self.path = warehouse / "serving" / "current" / "c360.duckdb"
        self._con = duckdb.connect(str(self.path), read_only=True)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self._con.execute(query).fetchall()

    def one(self, query: str) -> object:
        (row,) = self.rows(query)
        (value,) = row
        return value

    def close(self) -> None:
        self._con.close()


@pytest.fixture
def published() -> Iterator[Callable[[Path], Published]]:
    """Open published files and close them after the test."""
    opened: list[Published] = []

    def open_published(warehouse: Path) -> Published:
        opened.append(Published(warehouse))
        return opened[-1]

    yield open_published
    for reader in opened:
        reader.close()
