"""`python -m benchmarks.nights`: what a night costs by what it brings and by the length of the history behind it.

What belongs here: the order of work and what is kept. What does not: a night's rows (`delivery`), the run
(`benchmarks.refresh`), the page (`page`).
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.cost import ended, failures, of_python
from benchmarks.machine import commit, facts
from benchmarks.nights.delivery import deliver
from benchmarks.nights.page import page
from benchmarks.refresh.measured import refresh, with_load
from benchmarks.results import kept_runs, write_results
from seeds.generate import generate

RESULTS = Path(__file__).resolve().parent / "results"
HISTORIES = (20_000, 100_000)
SHARES = (0.001, 0.003, 0.01, 0.1)
DAYS = 720
SAME_NEWS = 300
END = date(2026, 6, 30)
_LINES_PER_PERSON = 5


def main() -> None:
    """Measure each history and write `results/nights.json` and `results/nights.md` after every refresh."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nights", description=__doc__.splitlines()[0])
    parser.add_argument("--histories", nargs="*", type=int, default=HISTORIES, help="purchase lines before the night")
    parser.add_argument("--days", type=int, default=DAYS, help="daily deliveries that brought them")
    parser.add_argument("--shares", nargs="*", type=float, default=SHARES, help="nights after the longest history")
    parser.add_argument("--same-news", type=int, default=SAME_NEWS, help="lines of the night that follows each history")
    parser.add_argument("--memory", help="C360_MEMORY_LIMIT of the refresh, for instance 6GB")
    parser.add_argument("--room", type=Path, help="folder for worlds, kept for the next time; else a temporary one")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument("--again", action="store_true", help="measure histories anew that the results hold already")
    wanted = parser.parse_args()
    room: Path = wanted.room or Path(tempfile.mkdtemp(prefix="nights-"))
    if wanted.memory:
        os.environ["C360_MEMORY_LIMIT"] = wanted.memory
    machine = facts(memory_limit=wanted.memory or "default")
    runs = {(run["lines"], run["days"]): run for run in kept_runs(wanted.results, "nights", machine)}
    faults: list[str] = []
    for lines in sorted(wanted.histories):
        key, warehouse = (lines, wanted.days), room / f"warehouse-nights-{lines}"
        shares = wanted.shares if lines == max(wanted.histories) else []
        nights = [("the same news", wanted.same_news / lines), *((f"{share:.1%}", share) for share in shares)]
        if wanted.again or not _goes_on(runs.get(key), nights, warehouse):
            runs[key] = {"lines": lines, "days": wanted.days, "commit": commit(), "nights": []}
            for folder in (warehouse, _landing_of(warehouse)):
                shutil.rmtree(folder, ignore_errors=True)
        run = runs[key]
        # After every refresh: what was measured stays when a long run is broken off, and is not measured twice.
        for _ in _measure(run, room, warehouse, nights):
            done = [runs[size] for size in sorted(runs)]
            write_results(wanted.results, "nights", {"machine": machine, "runs": done}, page(machine, done))
        told = f"{lines:,} lines of {wanted.days} days"
        faults += failures(f"{told}, full rebuild", run["full"])
        faults += [fault for night in run["nights"] for fault in failures(f"{told}, {night['news']}", night)]
        faults += failures(f"{told}, nothing new", run.get("nothing_new"))
    if wanted.room is None:
        shutil.rmtree(room, ignore_errors=True)
    if faults:
        raise SystemExit("\n".join(faults))


def _goes_on(run: dict[str, Any] | None, nights: Sequence[tuple[str, float]], warehouse: Path) -> bool:
    """Whether nothing is left to measure, or what is left can follow on the warehouse of the last call."""
    if run is None or not ended(run.get("full")) or not all(ended(night) for night in run["nights"]):
        return False
    if [night["news"] for night in run["nights"]] != [news for news, _ in nights][: len(run["nights"])]:
        return False
    return _is_complete(run, nights) or (warehouse / "serving" / "current").exists()


def _is_complete(run: dict[str, Any], nights: Sequence[tuple[str, float]]) -> bool:
    return len(run["nights"]) == len(nights) and ended(run.get("nothing_new"))


def _world(room: Path, lines: int, days: int) -> Path:
    folder = room / f"{lines}_lines_{days}_days"
    if not (folder / "truth" / "summary.json").exists():
        people = max(1, lines // _LINES_PER_PERSON)
        generate(folder / "landing", people=people, lines=lines, days=days, seed=1, end=END, profile="default")
    return folder


def _landing_of(warehouse: Path) -> Path:
    return warehouse.with_name(f"landing-{warehouse.name}")


def _measure(run: dict[str, Any], room: Path, warehouse: Path, nights: Sequence[tuple[str, float]]) -> Iterator[None]:
    """What the run lacks of: the rebuild, each night, and a refresh with nothing new; yields after each."""
    if _is_complete(run, nights):
        return
    landing = _landing_of(warehouse)
    told = f"{run['lines']:,} lines of {run['days']} days"
    if "full" not in run:
        shutil.copytree(_world(room, run["lines"], run["days"]) / "landing", landing, copy_function=os.link)
        run["full"] = refresh(f"{told}, full rebuild", landing, warehouse)
        yield
    for number, (news, share) in enumerate(nights, start=1):
        if not ended(run["full"]) or not all(ended(night) for night in run["nights"]):
            return  # a night after one that failed would bring more than its own
        if number > len(run["nights"]):
            lines = deliver(warehouse, landing, END + timedelta(days=number), share)
            cost = refresh(f"{told}, {news} ({lines:,} lines)", landing, warehouse)
            run["nights"].append({"news": news, "new_lines": lines, **cost})
            yield
    where = ["--landing", str(landing), "--warehouse", str(warehouse)]
    program = ["-c", "from orchestration.cli import main; main()", "refresh", *where]
    run["nothing_new"] = with_load(of_python(f"{told}, nothing new", program))
    yield
    for folder in (warehouse, landing):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
