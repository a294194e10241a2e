"""Every documented command is run as a reader would, page by page, in a fresh copy of the project and a small world."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.settings import PROJECT_ROOT
from tests.documentation.commands import Command, documented, treatments

pytestmark = pytest.mark.slow

# The Chinese page has the commands of the English one (test_readmes.py).
COMMANDS = [command for command in documented() if command.page != "README.zh-CN.md"]
TREATMENTS = treatments()
SMALL_WORLD = {"DEMO_PEOPLE": "1500", "DEMO_LINES": "12000", "DEMO_DAYS": "12"}
SECONDS = 1800

# The DuckDB command line where the machine has none: opens a file read-only and prints what a query gives.
DUCKDB = """\
#!{python}
import sys, duckdb
file, query = [word for word in sys.argv[1:] if word != "-readonly"]
print(duckdb.connect(file, read_only=True).sql(query))
"""


_TWO_CARDS = """
    from identity.customer_xref where source in ('pos.members', 'ecommerce.customers')
    group by customer_id having count(distinct source) = 2 order by customer_id limit 1"""
# What nobody but the reader decides about: no later row has made it good.
_QUARANTINED = """
    select min(entry_id) from quality.quarantine
    where level = 'row' and reasons = ['{}'] and coalesce(resolution, 'by_hand') = 'by_hand'"""
VALUES = {
    "customer": f"select customer_id {_TWO_CARDS}",
    "member": f"select 'pos.members:' || min(record_key) filter (source = 'pos.members') {_TWO_CARDS}",
    "account": f"select 'ecommerce.customers:' || min(record_key) filter (source = 'ecommerce.customers') {_TWO_CARDS}",
    "zero_quantity": _QUARANTINED.format("zero:quantity"),
    "unreadable_amount": _QUARANTINED.format("unreadable:amount"),
}


class Reader:
    """A copy of the project, and somebody who types there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT_ROOT, check=True, capture_output=True)
        for name in listed.stdout.decode().split("\0"):
            # A file that is deleted and not committed is still listed.
            if name and (PROJECT_ROOT / name).is_file():
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT_ROOT / name, home / name)
        # The environment of this test, marked as installed: make must not install the copy into it.
        (home / ".venv").mkdir()
        (home / ".venv" / "bin").symlink_to(Path(sys.prefix) / "bin")
        (home / ".venv" / ".installed").touch()
        tools = home.with_name("tools")
        tools.mkdir()
        if shutil.which("duckdb") is None:
            (tools / "duckdb").write_text(DUCKDB.format(python=sys.executable), encoding="utf-8")
            (tools / "duckdb").chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("C360_", "DAGSTER_"))}
        self.environment = kept | {
            # The copy is read before the project that the environment was made for.
            "PYTHONPATH": str(home),
            "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"], str(tools)]),
            "C360_LANDING": str(home / "data/demo/landing"),
            "C360_WAREHOUSE": str(home / "data/demo/warehouse"),
            "COLUMNS": "120",
            **SMALL_WORLD,
        }

    def type(self, line: str) -> subprocess.CompletedProcess[str]:
        """Type one line and wait for its end."""
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.home,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )

    def value(self, name: str) -> str:
        """A value of this world that stands for the one on the page."""
        if name == "version":
            return (self.home / "data/demo/warehouse/serving/current").resolve().name
        with duckdb.connect(str(self.home / "data/demo/warehouse/warehouse.duckdb"), read_only=True) as con:
            found = con.execute(VALUES[name]).fetchone()
        assert found is not None, f"this world has no {name}"
        return str(found[0])


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    reader = Reader(tmp_path_factory.mktemp("reader") / "customer360")
    assert reader.type("python -c 'import orchestration; print(orchestration.__file__)'").stdout.startswith(
        str(reader.home)
    )
    made = reader.type("make demo")
    assert made.returncode == 0, made.stdout[-3000:]
    return reader


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_documented_command_runs(command: Command, reader: Reader) -> None:
    treatment = TREATMENTS.get(command.text)
    if treatment and treatment.skipped:
        pytest.skip(treatment.why)
    line, status = (treatment.run_as, treatment.status) if treatment else (command.text, 0)
    for name in (*VALUES, "version"):
        if f"{{{name}}}" in line:
            line = line.replace(f"{{{name}}}", reader.value(name))
    done = reader.type(line)
    assert done.returncode == status, f"{line}\n{done.stdout[-3000:]}"
