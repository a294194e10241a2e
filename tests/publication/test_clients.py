"""Real clients, each in an environment of its own, read the published file while versions are published.

Each client opens the file, reads two tables and a view over them, and starts over until it is told to stop; it counts
reads, errors and states that hold parts of two versions. What a client cannot be fetched for is skipped and said so.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.clients]

ROWS = 20_000
STATE = (
    "select (select min(round) from marts.first) as a, (select max(round) from marts.first) as b, "
    "(select count(*) from marts.first) as rows, (select min(round) from marts.second) as c, "
    "(select max(round) from marts.second) as d, (select count(*) from marts.both) as both_rows"
)

LOOP = """
import json, pathlib, sys, time
file, query, stop = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
states, errors = [], []
while not stop.exists():
    try:
        state = [int(value) for value in read()]
    except Exception as error:
        errors.append(f"{type(error).__name__}: {error}")
        continue
    if state not in states:
        states.append(state)
        print("read", flush=True)
print(json.dumps({"client": version(), "states": states, "errors": errors[:5]}))
"""

DUCKDB = """
import duckdb
def version():
    return duckdb.__version__
def read():
    with duckdb.connect(file, read_only=True) as con:
        tables = con.execute("select table_schema, table_name from information_schema.tables").fetchall()
        assert len(tables) > 10
        for schema, table in tables:
            con.execute(f'select * from "{schema}"."{table}" limit 10').fetchall()
        return con.execute(query).fetchone()
"""

PANDAS = """
import duckdb, pandas
def version():
    return pandas.__version__
def read():
    with duckdb.connect(file, read_only=True) as con:
        both = con.sql("select * from marts.both").df()
        assert str(both["i"].dtype).startswith("int"), both.dtypes
        return con.sql(query).df().iloc[0]
"""

SQLALCHEMY = """
import sqlalchemy as sa
from sqlalchemy.pool import NullPool
engine = sa.create_engine(f"duckdb:///{sys.argv[1]}", connect_args={"read_only": True}, poolclass=NullPool)
def version():
    return sa.__version__
def read():
    with engine.connect() as connection:
        found = sa.inspect(connection)
        assert {"first", "second", "customer_360"} <= set(found.get_table_names(schema="marts"))
        assert found.get_view_names(schema="marts") == ["both"]
        assert found.get_table_comment("customer_360", schema="marts") == {"text": "One row per customer."}
        # A published table has no constraints: they would make it larger, and checks have held them before.
        assert found.get_pk_constraint("customer_360", schema="marts")["constrained_columns"] == []
        table = sa.Table("customer_360", sa.MetaData(), schema="marts", autoload_with=connection)
        assert table.c.net_revenue.comment == "Yuan, after refunds."
        assert isinstance(table.c.net_revenue.type, sa.Numeric)
        view = sa.Table("both", sa.MetaData(), schema="marts", autoload_with=connection)
        assert [column.name for column in view.c] == ["round", "i"]
        return connection.execute(sa.text(query)).one()
"""

CLI = """
import json, shutil, subprocess
program = shutil.which("duckdb")
def version():
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[0]
def read():
    done = subprocess.run([program, "-readonly", "-json", file, query], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[0].values()
"""

NODE = """
import { DuckDBInstance, version } from "@duckdb/node-api";
import { existsSync } from "node:fs";
const [file, query, stop] = process.argv.slice(2);
const states = [], errors = [];
while (!existsSync(stop)) {
  try {
    const instance = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(query);
    const state = reader.getRows()[0].map(Number);
    connection.closeSync();
    instance.closeSync();
    if (!states.some((known) => String(known) === String(state))) {
      states.push(state);
      console.log("read");
    }
  } catch (error) {
    errors.push(String(error));
  }
}
console.log(JSON.stringify({ client: version(), states, errors: errors.slice(0, 5) }));
"""

# What each client is made of, by name: program and packages.
PYTHON_CLIENTS = {
    "duckdb 1.1.0": (DUCKDB, ["duckdb==1.1.0"]),
    "duckdb 1.1.3": (DUCKDB, ["duckdb==1.1.3"]),
    "duckdb 1.3.2": (DUCKDB, ["duckdb==1.3.2"]),
    "duckdb 2.0.0": (DUCKDB, ["duckdb==2.0.0"]),
    "pandas": (PANDAS, ["duckdb==1.5.5", "pandas>=3"]),
    "SQLAlchemy 2.1": (SQLALCHEMY, ["duckdb==1.5.5", "duckdb-sqlalchemy>=1.5", "sqlalchemy>=2.1"]),
    # What Superset is made of; duckdb-sqlalchemy wants SQLAlchemy 2.
    "SQLAlchemy 1.4": (SQLALCHEMY, ["duckdb==1.5.5", "duckdb-engine>=0.17", "sqlalchemy<2"]),
    "command line": (CLI, ["duckdb-cli"]),
}


@pytest.fixture
def publish_round(publish_now, change) -> Callable[[int], None]:
    """Publish a version whose tables hold one number all over."""
    change("create table marts.first (round integer, i integer); create table marts.second (round integer, i integer)")
    change("create view marts.both as select first.round, first.i from marts.first join marts.second using (round, i)")

    def call(number: int) -> None:
        for table in ("first", "second"):
            change(
                f"delete from marts.{table}; insert into marts.{table} select {number}, i from range({ROWS}) as t(i)"
            )
        publish_now()

    return call


def judge(command: list[str], settings, publish_round, tmp_path: Path) -> str:
    """Run a client through five publications; return which version of it ran."""
    stop = tmp_path / "stop"
    file = settings.serving_dir / "current" / "c360.duckdb"
    publish_round(0)
    running = subprocess.Popen(
        [*command, str(file), STATE, str(stop)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        assert running.stdout is not None
        if running.stdout.readline() != "read\n":  # the first one, so that fetching and imports do not count
            _, said = running.communicate(timeout=60)
            if "Failed to fetch" in said or "No solution found" in said:
                pytest.skip(f"NOT TESTED: no package index gives {command}")
            raise AssertionError(said[-2000:])
        for number in range(1, 6):
            publish_round(number)
            time.sleep(0.5)
    finally:
        stop.touch()
        out, said = running.communicate(timeout=120)
    told = json.loads(out.splitlines()[-1])
    assert told["errors"] == [], said[-500:]
    for a, b, rows, c, d, both in told["states"]:
        assert a == b == c == d, told
        assert rows == both == ROWS, told
    assert len(told["states"]) >= 3, told
    return str(told["client"])


@pytest.mark.parametrize("client", PYTHON_CLIENTS)
def test_a_python_client_reads_whole_versions_while_they_change(client, settings, publish_round, tmp_path):
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("NOT TESTED: uv, which fetches the client, is not on the path")
    program, packages = PYTHON_CLIENTS[client]
    wanted = [option for package in packages for option in ("--with", package)]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    written = tmp_path / "client.py"
    head, loop = LOOP.split("states, errors", 1)
    written.write_text(textwrap.dedent(head + program + "\nstates, errors" + loop), encoding="utf-8")
    command = [uv, "run", "--no-project", "--quiet", "--python", python, *wanted, "python", str(written)]
    version = judge(command, settings, publish_round, tmp_path)
    assert client.split()[-1] in version or client in ("pandas", "command line")


def test_node_reads_whole_versions_while_they_change(settings, publish_round, tmp_path):
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("NOT TESTED: node and npm are not on the path")
    (tmp_path / "package.json").write_text('{"private": true}', encoding="utf-8")
    fetched = subprocess.run(
        [npm, "install", "--silent", "--no-audit", "--no-fund", "@duckdb/node-api"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ},
        timeout=300,
        check=False,
    )
    if fetched.returncode != 0:
        pytest.skip(f"NOT TESTED: npm does not give @duckdb/node-api: {fetched.stderr[-300:]}")
    written = tmp_path / "client.mjs"
    written.write_text(NODE, encoding="utf-8")
    assert judge([node, str(written)], settings, publish_round, tmp_path).startswith("v")
