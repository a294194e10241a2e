"""`python -m benchmarks.gates`: what every gate costs on a built warehouse, and as a share of its refresh.

What belongs here: timing suites, conservation and the look at the built file. What does not: a whole refresh
(`benchmarks.refresh`). The warehouse is only read: conservation writes into a file of its own, whose tables
are views of the measured ones.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import machine
from benchmarks.results import write_results
from data_quality.contract import load_contracts
from data_quality.gx_runner import run_suite
from data_quality.results import CheckResult
from data_quality.suite import load_suites
from orchestration.database import SCHEMAS, engine_config, identifier, literal
from orchestration.gates.conservation import balance_deliveries, balance_marts, balance_published
from orchestration.publication.build import build_file, tables_to_publish
from orchestration.publication.manifest import FILE_NAME
from orchestration.publication.publish import AUDIT, GATES
from orchestration.settings import Settings

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> None:
    """Measure and write `results/gates.json` and `results/gates.md`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gates", description=__doc__.splitlines()[0])
    parser.add_argument("warehouse", type=Path, help="a warehouse that was built; it is only read")
    parser.add_argument("--refresh", type=float, help="CPU seconds of the refresh that built it")
    parser.add_argument("--room", type=Path, help="folder for the built file; default is a temporary one")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    wanted = parser.parse_args()
    settings = Settings(warehouse=wanted.warehouse)
    with tempfile.TemporaryDirectory(prefix="gates-", dir=wanted.room) as room:
        measured = _measure(settings, Path(room))
    measured["refresh_cpu_seconds"] = wanted.refresh
    page = _page(measured)
    write_results(wanted.results, "gates", measured, page)
    sys.stdout.write(page)


def _measure(settings: Settings, room: Path) -> dict[str, Any]:
    suites, contracts = load_suites(), load_contracts().values()
    parts: list[dict[str, Any]] = []
    checks: list[dict[str, Any]] = []

    def add(part: str, took: dict[str, float], results: list[CheckResult] | None = None) -> None:
        parts.append({"part": part, **took, "checks": len(results or ())})
        checks.extend(
            {"suite": part, "check": r.check, "table": r.table, "seconds": r.seconds, "passed": r.passed}
            for r in results or ()
        )
        sys.stderr.write(f"{part}: {took['seconds']} s, CPU {took['cpu_seconds']} s\n")

    with _timed() as took:
        # What every refresh pays once, whatever its size.
        import great_expectations  # noqa: F401 - measured
    add("import of Great Expectations", took)
    with _counting(settings, room) as con:
        as_of = _value(con, "select max(as_of) from marts.customer_360")
        sizes = {
            "purchase_lines": _value(con, "select count(*) from marts.fct_sales"),
            "customers": _value(con, "select count(*) from marts.customer_360"),
        }
        with _timed() as took:
            balance_deliveries(con, contracts, as_of)
        add("conservation, file to clean", took)
        with _timed() as took:
            balance_marts(con, contracts, as_of, published=settings.serving_dir / "current" / FILE_NAME)
        add("conservation, clean to customers and merges", took)
    for stage in GATES:
        with _timed() as took:
            results = run_suite(settings.database, suites[stage], engine_config(settings), as_of=as_of)
        add(stage, took, results)
    built = room / FILE_NAME
    with _working_database(settings) as con, _timed() as took:
        rows = build_file(con, built, tables_to_publish(con)).rows
    publication = took
    with _counting(settings, room) as con, _timed() as took:
        balance_published(con, built, rows, contracts, as_of)
    add("conservation, marts to published file", took)
    with _timed() as took:
        results = run_suite(built, suites[AUDIT], engine_config(settings), as_of=as_of)
    add(AUDIT, took, results)
    return {
        **sizes,
        "machine": machine.facts(),
        "load_average": round(os.getloadavg()[0], 1),
        "file_bytes": built.stat().st_size,
        "building_the_file": publication,
        "parts": parts,
        "checks": sorted(checks, key=lambda check: -check["seconds"]),
    }


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Wall and CPU seconds of all threads of this process, filled in at the end."""
    took: dict[str, float] = {}
    started, cpu = time.perf_counter(), _cpu_seconds()
    yield took
    took |= {"seconds": round(time.perf_counter() - started, 1), "cpu_seconds": round(_cpu_seconds() - cpu, 1)}


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _working_database(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(settings.database), read_only=True) as con:
        con.execute("set enable_progress_bar = false")
        yield con


@contextmanager
def _counting(settings: Settings, room: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A scratch database with a view of every table of the working database, which is attached to be read."""
    with duckdb.connect(str(room / "counted.duckdb")) as con:
        con.execute(f"set temp_directory = {literal(str(room / 'tmp'))}")
        con.execute("set enable_progress_bar = false")
        # Views of the working database name its catalog, so it is attached under its own name.
        con.execute(f"attach {literal(str(settings.database))} as warehouse (read_only)")
        for schema in SCHEMAS:
            con.execute(f"create schema if not exists {schema}")
        found = con.execute(
            "select table_schema, table_name from information_schema.tables where table_catalog = 'warehouse'"
        ).fetchall()
        for schema, table in found:
            if schema in SCHEMAS and (schema, table) != ("quality", "conservation"):
                name = f"{identifier(schema)}.{identifier(table)}"
                con.execute(f"create view if not exists {name} as select * from warehouse.{name}")
        yield con


def _value(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = con.execute(sql).fetchone()
    if row is None or row[0] is None:
        raise SystemExit("The warehouse is not built: marts.customer_360 is empty. Run c360 refresh first.")
    return row[0]


def _page(measured: dict[str, Any]) -> str:
    total = sum(part["cpu_seconds"] for part in measured["parts"])
    refresh = measured["refresh_cpu_seconds"]
    share = f", {total / refresh:.1%} of the {refresh:,.0f} of the refresh" if refresh else ""
    head = (
        f"`python -m benchmarks.gates WAREHOUSE` at {measured['purchase_lines']:,} purchase lines and "
        f"{measured['customers']:,} customers, on {machine.in_words(measured['machine'])}, load "
        f"{measured['load_average']}. All gates together: {total:,.1f} CPU seconds{share}. A check has its share of "
        "the time of all on its table."
    )
    foot = (
        f"Beside them, building the file of {measured['file_bytes'] / 1e6:,.0f} MB takes "
        f"{measured['building_the_file']['cpu_seconds']:,.1f} CPU seconds."
    )
    lines = ["# What the gates cost", "", head, ""]
    lines += ["| gate | checks | seconds | CPU seconds |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {part['part']} | {part['checks'] or ''} | {part['seconds']:,.1f} | {part['cpu_seconds']:,.1f} |"
        for part in measured["parts"]
    ]
    lines += ["", foot, "", "| slowest checks | suite | table | seconds |", "| --- | --- | --- | ---: |"]
    lines += [f"| {c['check']} | {c['suite']} | {c['table']} | {c['seconds']:,.1f} |" for c in measured["checks"][:10]]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
