"""`python -m benchmarks.start`: seconds until the first asset, by cause; imports; dbt's parse; read-only commands.

What belongs here: programs that start and their times. What does not: what a refresh does once it has started.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.aims import as_lines, at_most
from benchmarks.cost import ROOT, Cost, ended, failures, in_words, of, of_python
from benchmarks.machine import facts
from benchmarks.machine import in_words as machine_in_words
from benchmarks.refresh.measured import refresh, with_load
from benchmarks.results import write_results

RESULTS = Path(__file__).resolve().parent / "results"
EXTRACTS = ROOT / "seeds" / "extracts"
TIMES = 5
FIRST_ASSET = 6.0
# Each line imports all that the one before did.
_IMPORTS = {
    "Python": "pass",
    "the command line": "import orchestration.cli",
    "what is new": "import orchestration.cli, orchestration.plan",
    "Dagster": "import orchestration.cli, orchestration.plan, orchestration.jobs",
    "the code location (dbt's graph, all assets)": "import orchestration.cli, orchestration.definitions",
    "the code location and Great Expectations": "import orchestration.definitions, great_expectations",
}
_PARSE = (
    "from orchestration.settings import Settings; from orchestration.warehouse import runner; "
    "runner.manifest_path(Settings()).with_suffix('.stamp').unlink(missing_ok=True); "
    "runner.prepare_manifest(Settings())"
)
_IMPORT_TIME = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)")


def main() -> None:
    """Measure and write `results/start.json` and `results/start.md`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--times", type=int, default=TIMES, help="how often each program is started; the fastest counts"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    wanted = parser.parse_args()
    room = Path(tempfile.mkdtemp(prefix="start-"))
    warehouse = room / "warehouse"
    where = {"C360_LANDING": str(EXTRACTS), "C360_WAREHOUSE": str(warehouse)}
    found: dict[str, Any] = {"whole": refresh("the sample, whole refresh", EXTRACTS, warehouse)}
    _write(found, wanted.results)
    if not ended(found["whole"]):
        raise SystemExit(f"the sample, whole refresh: {in_words(found['whole'])}")

    def fastest(what: str, command: Sequence[str]) -> Cost:
        costs = [of(what, command, environment=where) for _ in range(wanted.times)]
        return with_load(min(costs, key=lambda cost: float(cost["seconds"])))

    found["start"] = _start(warehouse, wanted.times)
    _write(found, wanted.results)
    found["imports"] = {
        what: fastest(f"import: {what}", [sys.executable, "-c", code]) for what, code in _IMPORTS.items()
    }
    found["parse"] = of("dbt parse", [sys.executable, "-c", _PARSE], environment=where)
    _write(found, wanted.results)
    found["commands"] = {
        command: fastest(f"c360 {command}", [str(Path(sys.executable).with_name("c360")), *command.split()])
        for command in ("--help", "status", "versions", "quarantine list", "refresh")
    }
    found["packages"] = _packages(where)
    _write(found, wanted.results)
    shutil.rmtree(room, ignore_errors=True)
    costs = {**found["imports"], "dbt parse": found["parse"], **found["commands"]}
    if faults := [fault for what, cost in costs.items() for fault in failures(what, cost)]:
        raise SystemExit("\n".join(faults))


def _start(warehouse: Path, times: int) -> list[dict[str, Any]]:
    """Steps until the first asset is done, on a warehouse that exists, in the fastest of several starts."""
    found: list[list[dict[str, Any]]] = []
    told = warehouse.with_name(f"{warehouse.name}.measured.json")
    for _ in range(times):
        of_python("start", ["-m", "benchmarks.refresh.stage", str(EXTRACTS), str(warehouse), "--only-start"])
        found.append(json.loads(told.read_text(encoding="utf-8"))["steps"])
    return min(found, key=lambda steps: sum(float(step["seconds"]) for step in steps))


def _packages(where: Mapping[str, str]) -> dict[str, float]:
    """Seconds that each package takes of the code location's import, by `-X importtime`."""
    program = [sys.executable, "-X", "importtime", "-c", "import orchestration.definitions"]
    done = subprocess.run(  # noqa: S603 - our own module
        program, cwd=ROOT, env={**os.environ, **where}, capture_output=True, text=True, check=True
    )
    spent: Counter[str] = Counter()
    for microseconds, module in _IMPORT_TIME.findall(done.stderr):
        spent[module.split(".")[0]] += int(microseconds)
    return {package: round(microseconds / 1e6, 2) for package, microseconds in spent.most_common(12)}


def _write(found: dict[str, Any], folder: Path) -> None:
    machine = facts("dagster", "dbt-core", "great-expectations")
    write_results(folder, "start", {"machine": machine, **found}, _page(machine, found))


def _page(machine: dict[str, Any], found: dict[str, Any]) -> str:
    whole = found["whole"]
    lines = [
        "# Start-up",
        "",
        f"`python -m benchmarks.start` on {machine_in_words(machine)}; load {whole['load_average']}.",
        "Wall / CPU seconds of the fastest of several starts. The smallest input (`seeds/extracts`), whole, from",
        f"nothing to a published version: {in_words(whole)}, {whole['peak_mb']:,} MB.",
        "",
    ]
    if "start" in found:
        sums = {what: sum(float(step[what]) for step in found["start"]) for what in ("seconds", "cpu_seconds")}
        lines += ["## Until the first asset is done", "", "| cause | seconds |", "| --- | --- |"]
        lines += [f"| {step['name']} | {in_words(step)} |" for step in found["start"]]
        lines += [f"| together | {in_words(sums)} |", ""]
        lines += as_lines([at_most(f"the first asset within {FIRST_ASSET:.0f} s", FIRST_ASSET, sums["seconds"], " s")])
    if "imports" in found:
        lines += ["## Imports in a process of their own", "", "| imported | seconds | MB |", "| --- | --- | --- |"]
        lines += [f"| {what} | {in_words(cost)} | {cost['peak_mb']} |" for what, cost in found["imports"].items()]
        lines += [f"| dbt parses all models (only after one changed) | {in_words(found['parse'])} | – |", ""]
    if "commands" in found:
        lines += ["## Commands", "", "| command | seconds | MB |", "| --- | --- | --- |"]
        lines += [
            f"| `c360 {what}` | {in_words(cost)} | {cost['peak_mb']} |" for what, cost in found["commands"].items()
        ]
        spent = ", ".join(f"{package} {seconds}" for package, seconds in found["packages"].items())
        lines += [
            "",
            f"`refresh` here finds nothing new. Import of the code location by package (seconds): {spent}.",
            "",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
