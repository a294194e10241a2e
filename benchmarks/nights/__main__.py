"""`python -m benchmarks.nights`: what a night costs by what it brings and by the length of the history behind it.

What belongs here: the order of work, and the page. What does not: a night's rows (`delivery`), the run
(`benchmarks.refresh`).
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.cost import Cost, ended, exponent, in_words, of_python
from benchmarks.machine import facts
from benchmarks.machine import in_words as machine_in_words
from benchmarks.nights.delivery import deliver
from benchmarks.refresh.measured import refresh, with_load
from benchmarks.refresh.page import STAGES, by_stage
from seeds.generate import generate

RESULTS = Path(__file__).resolve().parent / "results"
HISTORIES = (100_000, 300_000, 1_000_000)
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
    wanted = parser.parse_args()
    room: Path = wanted.room or Path(tempfile.mkdtemp(prefix="nights-"))
    if wanted.memory:
        os.environ["C360_MEMORY_LIMIT"] = wanted.memory
    runs: list[dict[str, Any]] = []
    for lines in sorted(wanted.histories):
        run: dict[str, Any] = {"lines": lines, "days": wanted.days, "nights": []}
        runs.append(run)
        shares = wanted.shares if lines == max(wanted.histories) else []
        for _ in _measure(run, _world(room, lines, wanted.days), room / f"warehouse-nights-{lines}", shares, wanted):
            _write(runs, wanted.results, wanted.memory)
    if wanted.room is None:
        shutil.rmtree(room, ignore_errors=True)


def _world(room: Path, lines: int, days: int) -> Path:
    folder = room / f"{lines}_lines_{days}_days"
    if not (folder / "truth" / "summary.json").exists():
        people = max(1, lines // _LINES_PER_PERSON)
        generate(folder / "landing", people=people, lines=lines, days=days, seed=1, end=END, profile="default")
    return folder


def _measure(
    run: dict[str, Any], world: Path, warehouse: Path, shares: Sequence[float], wanted: argparse.Namespace
) -> Iterator[None]:
    """The rebuild, the same news after every history, nothing new, and after the longest history each share."""
    landing = warehouse.with_name(f"landing-{warehouse.name}")
    for folder in (warehouse, landing):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(world / "landing", landing, copy_function=os.link)
    told = f"{run['lines']:,} lines of {run['days']} days"
    run["full"] = refresh(f"{told}, full rebuild", landing, warehouse)
    yield
    if ended(run["full"]):
        nights = [("the same news", wanted.same_news / run["lines"]), *((f"{share:.1%}", share) for share in shares)]
        for number, (news, share) in enumerate(nights, start=1):
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


def _write(runs: Sequence[dict[str, Any]], folder: Path, memory: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    machine = facts(memory_limit=memory or "default")
    (folder / "nights.json").write_text(
        json.dumps({"machine": machine, "runs": runs}, indent=2) + "\n", encoding="utf-8"
    )
    (folder / "nights.md").write_text(_page(machine, runs), encoding="utf-8")


def _page(machine: dict[str, Any], runs: Sequence[dict[str, Any]]) -> str:
    heads = ("history: lines", "days", "night", "new lines", "refresh", "MB", "of the full rebuild (CPU)")
    heads += ("beyond the start", "load")
    lines = [
        "# A night",
        "",
        f"`python -m benchmarks.nights` on {machine_in_words(machine)}, memory limit {machine['memory_limit']}.",
        "Seconds are wall / CPU. *Beyond the start*: without what happens before the first asset, in both figures.",
        "",
        f"| {' | '.join(heads)} |",
        "| --- " * 9 + "|",
    ]
    for run in runs:
        full = run["full"]
        nights = [("full rebuild", run["lines"], full)]
        nights += [(night["news"], night["new_lines"], night) for night in run["nights"]]
        if "nothing_new" in run:
            nights.append(("nothing", 0, run["nothing_new"]))
        for news, new, cost in nights:
            lines.append(
                f"| {run['lines']:,} | {run['days']} | {news} | {new:,} | {in_words(cost)} | {cost['peak_mb']:,} | "
                f"{_share(cost, full)} | {_share_beyond_start(cost, full)} | {cost['load_average']} |"
            )
    same = [(run["lines"], run["nights"][0]) for run in runs if run["nights"] and ended(run["nights"][0])]
    if len(same) > 1:
        power = exponent([(history, cost["cpu_seconds"]) for history, cost in same])
        lines += ["", f"The cost of the same news grows with the length of the history to the power of {power} (CPU)."]
    names = [*STAGES, "gates", "other"]
    lines += ["", "## By stage", "", f"| history | night | {' | '.join(names)} |", "| --- " * (len(names) + 2) + "|"]
    for run in runs:
        for news, cost in [("full rebuild", run["full"]), *((night["news"], night) for night in run["nights"])]:
            if ended(cost):
                stages = by_stage(cost["steps"])
                costs = " | ".join(in_words(stages.get(name)) for name in names)
                lines.append(f"| {run['lines']:,} | {news} | {costs} |")
    return "\n".join([*lines, ""])


def _share(cost: Cost, full: Cost) -> str:
    if not ended(cost) or not ended(full):
        return "–"
    return f"{cost['cpu_seconds'] / max(full['cpu_seconds'], 0.1):.0%}"


def _share_beyond_start(cost: Cost, full: Cost) -> str:
    if "steps" not in cost or "steps" not in full:
        return "–"
    beyond = [c["cpu_seconds"] - by_stage(c["steps"])["start"]["cpu_seconds"] for c in (cost, full)]
    return f"{beyond[0] / max(beyond[1], 0.1):.0%}"


if __name__ == "__main__":
    main()
