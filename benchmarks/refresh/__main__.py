"""`python -m benchmarks.refresh`: a full rebuild by stage and size, against the floor, pandas and Splink.

What belongs here: the order of work and what is kept. What does not: the run itself (`stage`), its rivals (`floor`,
`in_pandas`, the Splink script of `benchmarks.identity`), the page (`page`), nights (`benchmarks.nights`).
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.cost import ROOT, Cost, ended, failures, of, of_python
from benchmarks.machine import commit, facts
from benchmarks.refresh.agreement import compare
from benchmarks.refresh.floor import FILE as FLOOR_FILE
from benchmarks.refresh.measured import refresh, with_load
from benchmarks.refresh.page import page
from benchmarks.results import kept_runs, write_results
from orchestration.database import literal
from seeds.generate import generate

RESULTS = Path(__file__).resolve().parent / "results"
SPLINK = ROOT / "benchmarks" / "identity" / "rivals" / "splink_alone.py"
SIZES = (20_000, 100_000)
# A person is a member or has an account, or both: 34 people for 100 lines make 42 thousand records beside 100 thousand
# lines, 420 thousand beside a million and, at the most, 1.5 million beside 10 million.
_PEOPLE_PER_LINE, _MOST_PEOPLE = 0.34, 1_200_000
END = date(2026, 6, 30)
LIMIT = 3600.0


def main() -> None:
    """Measure each size and write `results/refresh.json` and `results/refresh.md` after every step."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refresh", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="purchase lines of the generated worlds")
    parser.add_argument("--days", type=int, default=14, help="daily deliveries of a generated world")
    parser.add_argument("--pandas-up-to", type=int, default=1_000_000, help="lines up to which pandas is run too")
    parser.add_argument("--splink-up-to", type=int, default=1_000_000, help="lines up to which Splink is run too")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds after which a rival is stopped")
    parser.add_argument("--memory", help="C360_MEMORY_LIMIT of refresh and floor, for instance 6GB")
    parser.add_argument("--room", type=Path, help="folder for worlds, kept for the next time; else a temporary one")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument("--again", action="store_true", help="measure sizes anew that the results hold already")
    wanted = parser.parse_args()
    room: Path = wanted.room or Path(tempfile.mkdtemp(prefix="refresh-"))
    if wanted.memory:
        os.environ["C360_MEMORY_LIMIT"] = wanted.memory
    machine = facts("splink", "pandas", memory_limit=wanted.memory or "default")
    runs = {run["asked"]: run for run in kept_runs(wanted.results, "refresh", machine)}
    faults: list[str] = []
    for lines in sorted(wanted.sizes):
        people = min(round(lines * _PEOPLE_PER_LINE), _MOST_PEOPLE)
        if wanted.again or runs.get(lines, {}).get("people") != people:
            runs.pop(lines, None)
        run = runs.setdefault(lines, {"asked": lines, "people": people})
        # After every step: what was measured stays when a long run is broken off, and is not measured twice.
        for _ in _measure(run, _world(room, lines, people, wanted.days), room / f"warehouse-{lines}", wanted):
            done = [runs[size] for size in sorted(runs)]
            write_results(wanted.results, "refresh", {"machine": machine, "runs": done}, page(machine, done))
        for name in ("full", "floor", "pandas", "splink"):
            faults += failures(f"{lines:,} lines, {name}", run.get(name))
    if wanted.room is None:
        shutil.rmtree(room, ignore_errors=True)
    if faults:
        raise SystemExit("\n".join(faults))


def _world(room: Path, lines: int, people: int, days: int) -> Path:
    """The generated world of a size, on disk; made in pieces, so its memory does not grow with it."""
    folder = room / f"{lines}_lines_{people}_people_{days}_days"
    if not (folder / "truth" / "summary.json").exists():
        generate(folder / "landing", people=people, lines=lines, days=days, seed=1, end=END, profile="default")
    return folder


def _measure(run: dict[str, Any], world: Path, warehouse: Path, wanted: argparse.Namespace) -> Iterator[None]:
    """Take the steps that a run lacks, one after another; yields after each."""
    files = json.loads((world / "truth" / "files.json").read_text(encoding="utf-8"))
    run["lines"] = sum(f["rows"] for f in files if f["dataset"] in {"sales", "orders"})
    run["records"] = sum(f["rows"] for f in files if f["dataset"] in {"members", "customers"})
    rivals = {
        "floor": ("floor (DuckDB)", "benchmarks.refresh.floor", True),
        "pandas": ("pandas", "benchmarks.refresh.in_pandas", run["asked"] <= wanted.pandas_up_to),
    }
    for name, (what, module, fits) in rivals.items():
        if _is_due(run, name) and fits:
            run[name] = with_load(
                of_python(f"{run['asked']:,} lines, {what}", ["-m", module, str(world)], wanted.limit)
            )
            yield
    splink_fits = run["asked"] <= wanted.splink_up_to
    # Splink is given the records of the rebuild: where it lacks, the rebuild is measured with it.
    if _is_due(run, "full") or (splink_fits and _is_due(run, "splink")):
        run.pop("splink", None)
        shutil.rmtree(warehouse, ignore_errors=True)
        run["commit"] = commit()
        run["full"] = refresh(f"{run['asked']:,} lines, full rebuild", world / "landing", warehouse)
        yield
        if ended(run["full"]) and (world / FLOOR_FILE).exists() and ended(run.get("floor")):
            run["agreement"] = compare(world, warehouse / "serving" / "current" / "c360.duckdb")
            yield
        if splink_fits and ended(run["full"]):
            run["splink"] = _splink(run["asked"], world, warehouse, wanted.limit)
            yield
    shutil.rmtree(warehouse, ignore_errors=True)


def _is_due(run: dict[str, Any], name: str) -> bool:
    """Whether a part was not measured yet, or failed."""
    return name not in run or "failed" in run[name]


def _splink(lines: int, world: Path, warehouse: Path, limit: float) -> Cost:
    """Splink on the records that our own identity step compared: cleaned, one row each."""
    people, answer = world / "floor" / "people.parquet", world / "floor" / "splink.json"
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as con:
        con.execute(
            "copy (select cast(record_id as varchar) as id, surname, given_name, phone, email, "
            "strftime(birthday, '%Y-%m-%d') as birthday, city, address_key as address, gender, id_card "
            f"from identity.subjects) to {literal(str(people))} (format parquet)"
        )
    uv = shutil.which("uv")
    if uv is None:
        return {"failed": "needs uv on the path", "seconds": 0.0, "cpu_seconds": 0.0, "peak_mb": 0}
    command = [uv, "run", "--quiet", "--no-project", "--script", str(SPLINK), str(people), str(answer)]
    return with_load(of(f"{lines:,} lines, Splink alone", command, limit))


if __name__ == "__main__":
    main()
