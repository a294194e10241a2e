"""`python -m benchmarks.identity_scale`: what identity resolution costs by the number of person records.

What belongs here: sizes, the memory of the process tree, the exponent, the table. What does not: the steps (`stage`).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.cost import exponent
from benchmarks.identity.sets import END
from benchmarks.identity_scale.stage import AFTER, TO_XREF
from benchmarks.machine import PeakMemory, facts, in_words
from seeds.generate import generate

RESULTS = Path(__file__).resolve().parent / "results"
SIZES = (100_000, 400_000, 1_500_000)
# Rows of identity.records that a person of the generated world brings at `LINES` purchase lines each.
RECORDS_PER_PERSON = 2.03
LINES = 1.5


def main() -> None:
    """Measure each size and write `results/identity_scale.json` and `results/identity_scale.md`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identity_scale", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="person records (rows of identity.records)")
    parser.add_argument("--seed", type=int, default=31, help="seed of the generated worlds")
    parser.add_argument("--profile", default="default", help="noise profile of the generated worlds")
    parser.add_argument("--memory", default="6GB", help="DuckDB's memory limit; the process needs about 1 GB besides")
    parser.add_argument(
        "--room", type=Path, help="folder for worlds, kept for the next time; default is a temporary one"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    wanted = parser.parse_args()
    room: Path = wanted.room or Path(tempfile.mkdtemp(prefix="identity-scale-"))
    found: list[dict[str, Any]] = []
    for size in sorted(wanted.sizes):
        found.append(_measure(room, size, wanted.seed, wanted.profile, wanted.memory))
        # After every size: what was measured stays when a long run is broken off.
        _write(found, wanted.results, wanted.profile, wanted.memory)
    if wanted.room is None:
        shutil.rmtree(room, ignore_errors=True)


def _measure(room: Path, size: int, seed: int, profile: str, memory: str) -> dict[str, Any]:
    people = round(size / RECORDS_PER_PERSON)
    folder = room / f"{profile}_{people}_{seed}"
    if not (folder / "truth" / "summary.json").exists():
        lines = round(LINES * people)
        generate(folder / "landing", people=people, lines=lines, days=2, seed=seed, end=END, profile=profile)
    sys.stdout.write(f"{size:,} person records: {people:,} people\n")
    sys.stdout.flush()
    load = os.getloadavg()[0]
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.identity_scale.stage", str(folder / "landing"), memory],
        cwd=Path(__file__).resolve().parents[2],
    )
    peak = PeakMemory(process)
    if process.wait() != 0:
        raise SystemExit(f"the run of {size:,} records failed")
    measured: dict[str, Any] = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
    measured["peak_mb"] = max(peak.mb, measured["peak_mb"])
    measured["load_average"] = [round(load, 1), round(os.getloadavg()[0], 1)]
    return measured


def _total(steps: dict[str, Any], names: tuple[str, ...], what: str) -> float:
    return round(sum(float(steps[n][what]) for n in names), 1)


def _write(found: list[dict[str, Any]], folder: Path, profile: str, memory: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    machine = facts("splink", threads=2, memory_limit=memory)
    to_xref, after = tuple(TO_XREF), tuple(AFTER)
    rows = [
        {
            "records": run["full"]["records"]["report"]["records"],
            **{f"{step}_{what}": run["full"][step][what] for step in (*to_xref, *after) for what in _COSTS},
            "clean_to_xref_seconds": _total(run["full"], to_xref, "seconds"),
            "clean_to_xref_cpu_seconds": _total(run["full"], to_xref, "cpu_seconds"),
            "pairs_compared": run["full"]["links"]["report"]["pairs_compared"],
            "night_seconds": _total(run["night"], to_xref, "seconds"),
            "night_cpu_seconds": _total(run["night"], to_xref, "cpu_seconds"),
            "night_links_cpu_seconds": run["night"]["links"]["cpu_seconds"],
            "night_pairs_compared": run["night"]["links"]["report"]["pairs_compared"],
            "night_scored_pairs_reused": run["night"]["links"]["report"]["scored_pairs_reused"],
            "night_records_changed": run["night"]["links"]["report"]["records_compared"]
            - run["night"]["links"]["report"]["records_unchanged"],
            "peak_mb": run["peak_mb"],
            "ingestion_and_cleaning_seconds": round(sum(run["before"].values()), 1),
            "load_average": run["load_average"],
        }
        for run in found
    ]
    growth = {what: exponent([(r["records"], r[f"clean_to_xref_{what}"]) for r in rows]) for what in _COSTS}
    content = {"machine": machine, "profile": profile, "exponent": growth, "rows": rows}
    (folder / "identity_scale.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "identity_scale.md").write_text(_page(machine, profile, growth, rows), encoding="utf-8")


_COSTS = ("seconds", "cpu_seconds")


def _page(machine: dict[str, Any], profile: str, growth: dict[str, float | None], rows: list[dict[str, Any]]) -> str:
    def costs(row: dict[str, Any], step: str) -> str:
        return f"{row[f'{step}_seconds']:.0f} / {row[f'{step}_cpu_seconds']:.0f}"

    steps = (*TO_XREF, "clean_to_xref", *AFTER)
    first = (
        f"`python -m benchmarks.identity_scale` on {in_words(machine)} with {machine['threads']} threads and "
        f"{machine['memory_limit']}; worlds of `seeds/generate.py`, profile `{profile}`. Wall clock seconds / CPU "
        "seconds; memory is the most that the process and those below it held, ingestion and cleaning included."
    )
    second = (
        f"Growth from clean to crosswalk: records to the power of {growth['seconds'] or '–'} in wall clock, "
        f"{growth['cpu_seconds'] or '–'} in CPU seconds."
    )
    columns = ["person records", *(s.replace("_", " ") for s in steps), "pairs compared", "peak MB", "load"]
    by_night = [
        "person records", "records changed", "pairs compared", "of the full run's", "scored pairs reused",
        "clean to xref", "of it CPU in links",
    ]  # fmt: skip
    lines = [
        "# Identity resolution by size",
        "",
        first,
        "",
        second,
        "",
        _line(columns),
        _line(["---"] * len(columns)),
    ]
    for r in rows:
        load = f"{r['load_average'][0]} to {r['load_average'][1]}"
        pairs = [f"{r['pairs_compared']:,}", f"{r['peak_mb']:,}", load]
        lines.append(_line([f"{r['records']:,}", *(costs(r, s) for s in steps), *pairs]))
    lines += [
        "",
        "A night in which 1% of the members and accounts are new or have another number:",
        "",
        _line(by_night),
        _line(["---"] * len(by_night)),
    ]
    for r in rows:
        share = r["night_pairs_compared"] / max(r["pairs_compared"], 1)
        counts = [f"{r[f'night_{what}']:,}" for what in ("records_changed", "pairs_compared", "scored_pairs_reused")]
        night = [*counts[:2], f"{share:.1%}", counts[2], costs(r, "night"), f"{r['night_links_cpu_seconds']:.0f}"]
        lines.append(_line([f"{r['records']:,}", *night]))
    return "\n".join([*lines, ""])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
