"""The results of nights as a page that a person reads.

What belongs here: tables. What does not: measuring (`__main__`).
"""

from collections.abc import Sequence
from typing import Any

from benchmarks.aims import Aim, as_lines, at_most
from benchmarks.cost import Cost, ended, exponent, in_words
from benchmarks.machine import in_words as machine_in_words
from benchmarks.refresh.page import by_stage, stage_table

_SHOWN_FROM = 0.5  # CPU seconds of a step in any night
AIMED_AT, AIMED_SHARE = "0.3%", 0.05
_HEADS = (
    "history: lines",
    "days",
    "night",
    "new lines",
    "refresh",
    "MB",
    "of the full rebuild",
    "beyond the start",
    "load",
    "commit",
)


def page(machine: dict[str, Any], runs: Sequence[dict[str, Any]]) -> str:
    """Markdown of all that was measured so far."""
    lines = [
        "# A night",
        "",
        f"`python -m benchmarks.nights` on {machine_in_words(machine)}, memory limit {machine['memory_limit']}.",
        "Seconds and shares are wall / CPU. *Beyond the start*: without what happens before the first asset, in both",
        "figures. Nights follow one another, so each has those before it behind it.",
        "",
        f"| {' | '.join(_HEADS)} |",
        "| --- " * len(_HEADS) + "|",
        *(row for run in runs for row in _rows(run)),
        "",
        *_growth(runs),
        *as_lines(_aims(runs)),
        *_stages(runs),
        *_steps(runs),
    ]
    return "\n".join(lines)


def _rows(run: dict[str, Any]) -> list[str]:
    full: Cost = run["full"]
    nights = [("full rebuild", run["lines"], full)]
    nights += [(night["news"], night["new_lines"], night) for night in run["nights"]]
    if "nothing_new" in run:
        nights.append(("nothing", 0, run["nothing_new"]))
    return [
        f"| {run['lines']:,} | {run['days']} | {news} | {new:,} | {in_words(cost)} | {cost['peak_mb']:,} | "
        f"{_in_percent(share(cost, full))} | {_in_percent(share_beyond_start(cost, full))} | {cost['load_average']} | "
        f"{run.get('commit', '–')} |"
        for news, new, cost in nights
    ]


def share(cost: Cost, full: Cost) -> tuple[float, float] | None:
    """A night's seconds as a share of the full rebuild's, wall and CPU; None where one did not end."""
    if not ended(cost) or not ended(full):
        return None
    return _shares(cost, full)


def share_beyond_start(cost: Cost, full: Cost) -> tuple[float, float] | None:
    """As `share`, without what happens before the first asset, in both; None where that was not told."""
    if "steps" not in cost or "steps" not in full:
        return None
    beyond: list[Cost] = []
    for whole in (cost, full):
        start = by_stage(whole["steps"])["start"]
        beyond.append({what: float(whole[what]) - start[what] for what in ("seconds", "cpu_seconds")})
    return _shares(*beyond)


def _shares(cost: Cost, full: Cost) -> tuple[float, float]:
    wall, cpu = (float(cost[what]) / max(float(full[what]), 0.1) for what in ("seconds", "cpu_seconds"))
    return wall, cpu


def _in_percent(shares: tuple[float, float] | None) -> str:
    return " / ".join(f"{found:.0%}" for found in shares) if shares else "–"


def _growth(runs: Sequence[dict[str, Any]]) -> list[str]:
    power = _exponent_of_history(runs)
    if power is None:
        return []
    return [f"The cost of the same news grows with the length of the history to the power of {power} (CPU).", ""]


def _exponent_of_history(runs: Sequence[dict[str, Any]]) -> float | None:
    same = [(run["lines"], run["nights"][0]) for run in runs if run["nights"] and ended(run["nights"][0])]
    return exponent([(history, cost["cpu_seconds"]) for history, cost in same])


def _aims(runs: Sequence[dict[str, Any]]) -> list[Aim]:
    """What nights were to show after the longest history measured: `AIMED_SHARE` of the rebuild, plus the start."""
    if not runs:
        return []
    run = runs[-1]
    night = next((night for night in run["nights"] if night["news"] == AIMED_AT), None)
    beyond = share_beyond_start(night, run["full"]) if night else None
    what = f"{AIMED_AT} new after {run['lines']:,} lines: at most {AIMED_SHARE:.0%} of the full rebuild, and the start"
    return [
        at_most(f"{what} (wall)", AIMED_SHARE, beyond[0] if beyond else None),
        at_most(f"{what} (CPU)", AIMED_SHARE, beyond[1] if beyond else None),
    ]


def _stages(runs: Sequence[dict[str, Any]]) -> list[str]:
    costs = [
        ([f"{run['lines']:,}", news], cost)
        for run in runs
        for news, cost in [("full rebuild", run.get("full")), *((night["news"], night) for night in run["nights"])]
    ]
    return stage_table(["history", "night"], costs)


def _steps(runs: Sequence[dict[str, Any]]) -> list[str]:
    """After the longest history: each step of the rebuild and of the nights, with how much was due."""
    if not runs or not ended(runs[-1].get("full")):
        return []
    run = runs[-1]
    costs = {"full rebuild": run["full"], **{night["news"]: night for night in run["nights"] if ended(night)}}
    steps = {news: {step["name"]: step for step in cost["steps"]} for news, cost in costs.items()}
    names = dict.fromkeys(name for found in steps.values() for name in found)
    worth_a_line = [
        name
        for name in names
        if max(found[name]["cpu_seconds"] for found in steps.values() if name in found) >= _SHOWN_FROM
    ]
    rest = [
        sum(step["cpu_seconds"] for name, step in found.items() if name not in worth_a_line) for found in steps.values()
    ]
    head = f"CPU seconds, and what the step says of how much was due; after {run['lines']:,} lines."
    lines = ["## By step", "", head, "", f"| step | {' | '.join(costs)} |", "| --- " * (len(costs) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(_step(found.get(name)) for found in steps.values())} |" for name in worth_a_line]
    lines.append(f"| {len(names) - len(worth_a_line)} others | {' | '.join(f'{cost:,.1f}' for cost in rest)} |")
    return [*lines, ""]


def _step(step: dict[str, Any] | None) -> str:
    """CPU seconds and, by asset, `rows_due 12, rows_of 3,400`; an empty reason is not told."""
    if step is None:
        return "–"
    told = [f"{step['cpu_seconds']:,.1f}"]
    for asset in step.get("due", []):
        said = [f"{n} {v:,}" if isinstance(v, int) else f"{n} {v}" for n, v in asset["said"].items() if v != ""]
        if said:
            told.append(f"{asset['asset'].split('/')[-1]}: {', '.join(said)}")
    return "; ".join(told)
