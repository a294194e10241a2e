"""`python -m benchmarks.query`: twelve questions on the published file, by one reader and by four at once.

What belongs here: which files are read, how many readers, and the page. What does not: a reader (`reader`), the
questions (`questions/*.sql`), making a larger file (`enlarge`).
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.aims import Aim, as_lines, at_most
from benchmarks.cost import ROOT, ended, in_words
from benchmarks.machine import PeakMemory, commit, facts
from benchmarks.machine import in_words as machine_in_words
from benchmarks.query.enlarge import enlarge
from benchmarks.query.reader import QUESTIONS
from benchmarks.refresh.measured import refresh
from benchmarks.results import kept_runs, write_results
from seeds.generate import generate

RESULTS = Path(__file__).resolve().parent / "results"
SIZES = (10_000, 100_000)
READERS = (1, 4)
PEOPLE, LINES = 10_000, 100_000
LOOKUP, LOOKUP_MS = "one_customer", 50.0
END = date(2026, 6, 30)


def main() -> None:
    """Measure each size and write `results/query.json` and `results/query.md` after every number of readers."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.query", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="customers of the files that are read")
    parser.add_argument("--published", type=Path, help="a published file to enlarge; else one of a generated world")
    parser.add_argument("--as-it-is", action="store_true", help="read --published itself, whatever its size")
    parser.add_argument("--rounds", type=int, default=5, help="how often each reader asks every question")
    parser.add_argument("--room", type=Path, help="folder for files, kept for the next time; else a temporary one")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument("--again", action="store_true", help="measure sizes anew that the results hold already")
    wanted = parser.parse_args()
    room: Path = wanted.room or Path(tempfile.mkdtemp(prefix="query-"))
    machine = facts()
    runs = {run["asked"]: run for run in kept_runs(wanted.results, "query", machine)}
    for size in [0] if wanted.as_it_is else sorted(wanted.sizes):
        # 0 stands for a file read as it is, which may be another one each time.
        if size and not wanted.again and len(runs.get(size, {}).get("readers", {})) == len(READERS):
            continue
        published: Path = wanted.published or _published(room)
        file, customers = published, size
        if size:
            file = room / f"{size}_customers" / "c360.duckdb"
            customers = enlarge(published, file, size)
        else:
            with duckdb.connect(str(file), read_only=True) as con:
                customers = con.execute("select count(*) from marts.customer_360").fetchall()[0][0]
        run: dict[str, Any] = {"asked": size, "customers": customers, "commit": commit(), "readers": {}}
        run["file_mb"] = file.stat().st_size // 2**20
        runs[size] = run
        for readers in READERS:
            run["readers"][str(readers)] = _read(file, readers, wanted.rounds, room)
            done = sorted(runs.values(), key=lambda run: int(run["customers"]))
            write_results(wanted.results, "query", {"machine": machine, "runs": done}, _page(machine, done))
        if size:
            shutil.rmtree(file.parent, ignore_errors=True)
    if wanted.room is None:
        shutil.rmtree(room, ignore_errors=True)


def _published(room: Path) -> Path:
    """The published file of a generated world, made once per room."""
    warehouse = room / "warehouse-query"
    file = warehouse / "serving" / "current" / "c360.duckdb"
    if not file.exists():
        landing = room / "landing-query" / "landing"
        generate(landing, people=PEOPLE, lines=LINES, days=14, seed=1, end=END, profile="default")
        cost = refresh("the world to enlarge", landing, warehouse)
        if not ended(cost):
            raise SystemExit(f"the world to enlarge: {in_words(cost)}")
    return file


def _read(file: Path, readers: int, rounds: int, room: Path) -> dict[str, Any]:
    """Milliseconds by question over all readers, the first round of each reader apart: nothing is warm then."""
    answers = [room / f"reader-{number}.json" for number in range(readers)]
    processes = [
        subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "benchmarks.query.reader", str(file), str(rounds), str(seed), str(answer)], cwd=ROOT
        )
        for seed, answer in enumerate(answers)
    ]
    memory = [PeakMemory(process) for process in processes]
    if [process for process in processes if process.wait() != 0]:
        raise SystemExit(f"a reader of {file} failed")
    told = [json.loads(answer.read_text(encoding="utf-8")) for answer in answers]
    questions = {}
    for name in sorted(path.stem for path in QUESTIONS.glob("*.sql")):
        first = [answer["took"][name][0] for answer in told]
        later = [took for answer in told for took in answer["took"][name][1:]] or first
        cpu = statistics.median(took for answer in told for took in answer["cpu"][name])
        median = round(statistics.median(later), 1)
        questions[name] = {"first": max(first), "median": median, "most": max(later), "cpu": round(cpu, 1)}
    return {
        "opened": max(answer["opened"] for answer in told),
        "peak_mb": max(sampled.mb for sampled in memory),
        "load_average": round(os.getloadavg()[0], 1),
        "questions": questions,
    }


def _page(machine: dict[str, Any], runs: Sequence[dict[str, Any]]) -> str:
    lines = [
        "# Questions to the published file",
        "",
        f"`python -m benchmarks.query` on {machine_in_words(machine)}.",
        "Milliseconds: median / slowest / CPU / first of a reader. Each reader is a process with its own connection",
        "and 2 GB; four share the cores. On a busy machine only CPU milliseconds can be compared.",
        "",
        *as_lines(_aims(runs)),
    ]
    for run in runs:
        columns = [
            f"{readers} reader{'s' if readers != '1' else ''} (opened in {found['opened']:.0f} ms, at most "
            f"{found['peak_mb']} MB each, load {found['load_average']})"
            for readers, found in run["readers"].items()
        ]
        lines += ["", f"## {run['customers']:,} customers, {run['file_mb']:,} MB, commit {run['commit']}", ""]
        lines += [f"| question | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
        for name in next(iter(run["readers"].values()))["questions"]:
            costs = [found["questions"][name] for found in run["readers"].values()]
            told = " | ".join(
                f"{c['median']:,.1f} / {c['most']:,.1f} / {c['cpu']:,.1f} / {c['first']:,.1f}" for c in costs
            )
            lines.append(f"| {name} | {told} |")
    return "\n".join([*lines, ""])


def _aims(runs: Sequence[dict[str, Any]]) -> list[Aim]:
    """A lookup of one customer by the largest file's readers, in wall milliseconds: the median of each number."""
    if not runs:
        return []
    run = runs[-1]
    return [
        at_most(
            f"one customer in at most {LOOKUP_MS:.0f} ms at {run['customers']:,} customers, {readers} reader(s)",
            LOOKUP_MS,
            found["questions"][LOOKUP]["median"],
            " ms",
        )
        for readers, found in run["readers"].items()
    ]


if __name__ == "__main__":
    main()
