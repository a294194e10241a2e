"""`python -m benchmarks.refresh`: what a refresh costs by stage and size, against a floor and pandas, and per night.

What belongs here: worlds, nights, the memory of the process tree, the tables. What does not: the run itself (`stage`)
and its rivals (`floor`).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.machine import PeakMemory, facts, in_words
from seeds.generate import generate

RESULTS = Path(__file__).resolve().parent / "results"
ROOT = Path(__file__).resolve().parents[2]
SIZES = (100_000, 1_000_000, 10_000_000)
MOST_PEOPLE = 750_000  # about 1.5 million person records
NIGHTS = (0.001, 0.01, 0.1)
END = date(2026, 6, 30)
STAGES = {
    "start": ("python", "plan", "import", "policies"),
    "ingestion": ("raw__",),
    "cleaning": ("clean__", "deliveries", "quality__", "conservation"),
    "identity": ("identity_", "identity__"),
    "warehouse (dbt)": ("purchases_for_valuation", "warehouse"),
    "valuation": ("valuation",),
    "publication": ("serving__", "end"),
}


def main() -> None:
    """Measure each size and write `results/refresh.json` and `results/refresh.md`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refresh", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="purchase lines of the generated worlds")
    parser.add_argument("--world", nargs="*", type=Path, default=[], help="worlds there are (with landing and truth)")
    parser.add_argument("--days", type=int, default=14, help="daily deliveries of a generated world")
    parser.add_argument("--nights", nargs="*", type=float, default=NIGHTS, help="new lines of a night, as shares")
    parser.add_argument("--pandas-up-to", type=int, default=1_000_000, help="lines up to which pandas is run too")
    parser.add_argument("--memory", help="C360_MEMORY_LIMIT of the refresh, for instance 6GB")
    parser.add_argument("--room", type=Path, help="folder for worlds, kept for the next time; else a temporary one")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    wanted = parser.parse_args()
    room: Path = wanted.room or Path(tempfile.mkdtemp(prefix="refresh-"))
    if wanted.memory:
        os.environ["C360_MEMORY_LIMIT"] = wanted.memory
    worlds = [*wanted.world, *(_world(room, lines, wanted.days) for lines in sorted(wanted.sizes))]
    found: list[dict[str, Any]] = []
    for world in worlds:
        warehouse = room / f"warehouse-{world.name}"
        found.append(_measure(world, warehouse, wanted.nights, wanted.pandas_up_to))
        shutil.rmtree(warehouse, ignore_errors=True)
        # After every size: what was measured stays when a long run is broken off.
        _write(found, wanted.results, wanted.memory)
    if wanted.room is None:
        shutil.rmtree(room, ignore_errors=True)


def _world(room: Path, lines: int, days: int) -> Path:
    folder = room / f"{lines}_lines"
    if not (folder / "truth" / "summary.json").exists():
        people = min(lines // 5, MOST_PEOPLE)
        generate(folder / "landing", people=people, lines=lines, days=days, seed=1, end=END, profile="default")
    return folder


def _measure(world: Path, warehouse: Path, nights: list[float], pandas_up_to: int) -> dict[str, Any]:
    """A full rebuild, its rivals and its nights; nights work on a copy of the landing zone's list, by links."""
    shutil.rmtree(warehouse, ignore_errors=True)
    landing = warehouse.with_name(f"landing-{world.name}")
    shutil.rmtree(landing, ignore_errors=True)
    shutil.copytree(world / "landing", landing, copy_function=os.link)
    files = json.loads((world / "truth" / "files.json").read_text(encoding="utf-8"))
    lines = sum(f["rows"] for f in files if f["dataset"] in {"sales", "orders"})
    measured: dict[str, Any] = {
        "world": world.name,
        "lines": lines,
        "records": sum(f["rows"] for f in files if f["dataset"] in {"members", "customers"}),
        "load_average": round(os.getloadavg()[0], 1),
        "floor": _run("floor (DuckDB)", ["-m", "benchmarks.refresh.floor", "duckdb", str(world)]),
    }
    if lines <= pandas_up_to * 1.1:
        measured["pandas"] = _run("pandas", ["-m", "benchmarks.refresh.floor", "pandas", str(world)])
    measured["full"] = _refresh("full rebuild", landing, warehouse)
    last = max(date.fromisoformat(f["delivery_date"]) for f in files)
    measured["nights"] = []
    for number, share in enumerate(nights, start=1):
        _deliver_night(warehouse, landing, last + timedelta(days=number), share)
        measured["nights"].append({"share": share, **_refresh(f"night with {share:.1%}", landing, warehouse)})
    quiet = ["-m", "orchestration.cli", "refresh", "--landing", str(landing), "--warehouse", str(warehouse)]
    quiet = ["-c", "from orchestration.cli import main; main()", *quiet[2:]]
    measured["night_without_news"] = _run("night without news", quiet)
    shutil.rmtree(landing, ignore_errors=True)
    return measured


def _refresh(what: str, landing: Path, warehouse: Path) -> dict[str, Any]:
    cost = _run(what, ["-m", "benchmarks.refresh.stage", str(landing), str(warehouse)])
    told = warehouse.with_name("measured.json")
    detail = json.loads(told.read_text(encoding="utf-8"))
    told.unlink()
    return {**cost, "steps": detail["steps"], "models": detail["models"]}


def _run(what: str, arguments: list[str]) -> dict[str, Any]:
    """Wall and CPU seconds and peak memory of one Python process and all below it."""
    before = os.times()
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603
    peak = PeakMemory(process)
    if process.wait() != 0:
        raise SystemExit(f"{what} failed with status {process.returncode}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    cost = {"seconds": round(time.perf_counter() - started, 1), "cpu_seconds": round(cpu, 1), "peak_mb": peak.mb}
    sys.stdout.write(f"{what}: {cost['seconds']} s, CPU {cost['cpu_seconds']} s, {cost['peak_mb']} MB\n")
    sys.stdout.flush()
    return cost


def _deliver_night(warehouse: Path, landing: Path, day: date, share: float) -> None:
    """Put a delivery into the landing zone that repeats a share of all lines, orders and members under new keys."""
    datasets = {
        ("pos", "sales"): "ticket_id",
        ("pos", "members"): "member_id",
        ("ecommerce", "orders"): "order_id",
        ("ecommerce", "customers"): "account_id",
        ("call_center", "cases"): "case_id",
    }
    with duckdb.connect() as con:
        for (source, dataset), key in datasets.items():
            raw = warehouse / "raw" / source / dataset
            target = landing / source / day.isoformat() / f"{dataset}.csv"
            target.parent.mkdir(parents=True, exist_ok=True)
            con.execute(
                f"copy (select * exclude (_extra, _row_error, _raw, _file, _line, delivery_date) "
                f"replace ('{day:%m%d}' || {key} as {key}) "
                f"from read_parquet('{raw}/*/*.parquet', union_by_name = true, hive_partitioning = true) "
                f"where {key} is not null and hash({key}) % 100000 < {round(share * 100_000)}) to '{target}' (header)"
            )


def _by_stage(steps: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for step in steps:
        name = str(step["name"])
        stage = "gates" if name.endswith("_gate") else _stage_of(name)
        costs = found.setdefault(stage, {"seconds": 0.0, "cpu_seconds": 0.0})
        for what in costs:
            costs[what] = round(costs[what] + float(step[what]), 1)
    return found


def _stage_of(name: str) -> str:
    return next((stage for stage, prefixes in STAGES.items() if name.startswith(prefixes)), "other")


def _write(found: list[dict[str, Any]], folder: Path, memory: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    machine = facts(memory_limit=memory or "default")
    for run in found:
        run["stages"] = _by_stage(run["full"]["steps"])
    content = {"machine": machine, "runs": found}
    (folder / "refresh.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "refresh.md").write_text(_page(machine, found), encoding="utf-8")


def _circumstances(machine: dict[str, Any]) -> str:
    return (
        f"`python -m benchmarks.refresh` on {in_words(machine)}, memory limit {machine['memory_limit']}. "
        "Wall seconds / CPU seconds; memory is the most that the process and those below it held."
    )


def _page(machine: dict[str, Any], found: list[dict[str, Any]]) -> str:
    lines = [
        "# What a refresh costs",
        "",
        _circumstances(machine),
        "",
        "| lines | person records | full rebuild | peak MB | floor | peak MB | times floor | pandas | peak MB | load |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for run in found:
        full, floor, pandas = run["full"], run["floor"], run.get("pandas")
        lines.append(
            f"| {run['lines']:,} | {run['records']:,} | {_cost(full)} | {full['peak_mb']:,} | {_cost(floor)} | "
            f"{floor['peak_mb']:,} | {full['cpu_seconds'] / max(floor['cpu_seconds'], 0.1):.1f} | "
            f"{_cost(pandas) if pandas else '–'} | {format(pandas['peak_mb'], ',') if pandas else '–'} | "
            f"{run['load_average']} |"
        )
    stages = [*STAGES, "gates", "other"]
    lines += ["", "## By stage", "", f"| lines | {' | '.join(stages)} |", "| --- " * (len(stages) + 1) + "|"]
    for run in found:
        costs = [_cost(run["stages"][s]) if s in run["stages"] else "–" for s in stages]
        lines.append(f"| {run['lines']:,} | {' | '.join(costs)} |")
    lines += [
        "",
        "## A night",
        "",
        "| lines | new | refresh | of the full rebuild (CPU) |",
        "| --- | --- | --- | --- |",
    ]
    for run in found:
        nights = [(f"{night['share']:.1%}", night) for night in run["nights"]]
        for share, night in [*nights, ("nothing", run["night_without_news"])]:
            part = night["cpu_seconds"] / max(run["full"]["cpu_seconds"], 0.1)
            lines.append(f"| {run['lines']:,} | {share} | {_cost(night)} | {part:.0%} |")
    lines += ["", "## Start", "", "| cause | seconds / CPU seconds |", "| --- | --- |"]
    first = found[0]["full"]["steps"]
    for step in first[: 1 + next(i for i, s in enumerate(first) if str(s["name"]).startswith("raw__"))]:
        lines.append(f"| {step['name']} | {_cost(step)} |")
    lines += ["", "## The slowest models", "", "| lines | models (wall seconds) |", "| --- | --- |"]
    for run in found:
        slowest = ", ".join(f"{m['name']} {m['seconds']:.1f}" for m in run["full"]["models"])
        lines.append(f"| {run['lines']:,} | {slowest} |")
    return "\n".join([*lines, ""])


def _cost(cost: dict[str, Any]) -> str:
    return f"{cost['seconds']:,.1f} / {cost['cpu_seconds']:,.1f}"


if __name__ == "__main__":
    main()
