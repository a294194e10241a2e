"""Fixtures of the mirror: a PostgreSQL server of its own, and published files to copy."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psycopg
import pytest

from orchestration.publication.manifest import FILE_NAME
from orchestration.publication.versions import Version
from tests.published_versions import manifest_of

PASSWORD = "not to be seen"  # noqa: S105 - of a server that lives as long as its tests


def _programs() -> Path:
    """Where initdb and pg_ctl are: on the path, or where Debian puts them, the newest first."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    pytest.skip("NOT TESTED: no initdb and pg_ctl on this machine; install PostgreSQL (Debian: postgresql).")


def _as_servant(folder: Path) -> list[str]:
    """What to put before a command: PostgreSQL refuses to run as root, so root becomes its user or nobody."""
    if os.getuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    shutil.chown(folder, user)
    return ["runuser", "-u", user, "--"]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of an empty server on loopback, without its password."""
    programs = _programs()
    # Not below pytest's own folder: the path of a socket has to be short, and PostgreSQL's user must get there.
    with tempfile.TemporaryDirectory(prefix="c360-pg-", dir="/tmp") as name:
        folder = Path(name)
        servant = _as_servant(folder)
        secret, data = folder / "password", folder / "data"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]

        def run(program: str, *arguments: str) -> None:
            # No captured output: the server would keep the pipe open as long as it lives.
            with (folder / "said").open("w", encoding="utf-8") as said:
                command = [*servant, str(programs / program), "-D", str(data), *arguments]
                ended = subprocess.run(command, cwd=folder, stdout=said, stderr=said, timeout=120, check=False)
            assert ended.returncode == 0, (folder / "said").read_text(encoding="utf-8")[-2000:]

        run(
            "initdb",
            "-U",
            "owner",
            "-E",
            "UTF8",
            "--locale=C",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "--no-sync",
        )
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-o", settings, "-l", str(data / "log"), "-w", "start")
        try:
            yield f"postgresql://owner@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture
def target(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a database of the test's own; its password is in the environment."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    name = f"bi_{datetime.now(UTC):%H%M%S%f}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template template0 encoding 'UTF8'")
    yield server.replace("/postgres", f"/{name}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def ask(target: str) -> Callable[[str], list[tuple]]:
    """Run SQL on the test's database, as a BI tool or its owner."""

    def run(sql: str) -> list[tuple]:
        with psycopg.connect(target, autocommit=True) as connection:
            cursor = connection.execute(sql)
            while cursor.nextset():
                pass  # the answer is that of the last statement
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Version]:
    """Make a published version from SQL."""

    def make(number: int, sql: str) -> Version:
        folder = tmp_path / f"v{number}"
        folder.mkdir()
        with duckdb.connect(str(folder / FILE_NAME)) as connection:
            connection.execute("create schema marts; create schema identity; create schema quality;")
            connection.execute(sql)
        return Version(id=f"v{number}", path=folder, manifest=manifest_of(f"v{number}"))

    return make
