"""The results of a full rebuild as a page that a person reads.

What belongs here: tables. What does not: measuring (`__main__`).
"""

from collections.abc import Sequence
from typing import Any

from benchmarks.cost import Cost, ended, exponent, in_words
from benchmarks.machine import in_words as machine_in_words

STAGES = {
    "start": ("python", "plan", "import", "policies"),
    "ingestion": ("raw__",),
    "cleaning": ("clean__", "deliveries", "quality__", "conservation"),
    "identity": ("identity_", "identity__"),
    "warehouse (dbt)": ("purchases_for_valuation", "warehouse"),
    "valuation": ("valuation",),
    "publication": ("serving__", "end"),
}
_HEAD = (
    "Seconds are wall / CPU; memory (MB) is the most that the process and those below it held. *Load* is the average "
    "number of processes that wanted a core at the end: above 2, compare only CPU seconds."
)
_RIVALS = (
    "The floor is one DuckDB script that reads and types the same files, keeps the newest rows, is told who is who, "
    "and sums up; pandas does the same. Neither checks, quarantines, resolves, keeps history, values or publishes."
)
_SPLINK = (
    "Splink as its tutorial sets it up, on the records that our step compares, cleaned by us; with the start of its "
    "environment. Ours: records, links, clusters, review queue and stable ids."
)
_IDENTITY_TO_XREF = ("identity__records", "identity_links", "identity_customer_xref")


def by_stage(steps: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Wall and CPU seconds of each stage; every step counts once."""
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


def page(machine: dict[str, Any], runs: Sequence[dict[str, Any]]) -> str:
    """Markdown of all that was measured so far."""
    heads = ("lines", "person records", "full rebuild", "MB", "floor", "MB", "times floor (CPU)")
    heads += ("pandas", "MB", "pandas / ours (CPU)", "load")
    lines = [
        "# A full rebuild",
        "",
        f"`python -m benchmarks.refresh` on {machine_in_words(machine)}, memory limit {machine['memory_limit']}.",
        _HEAD,
        "",
        f"| {' | '.join(heads)} |",
        "| --- " * 11 + "|",
        *(_row(run) for run in runs),
        "",
        _growth(runs),
        "",
        _RIVALS,
        "",
        *_stages(runs),
        *_identity(runs),
        *_agreement(runs),
        *_models(runs),
    ]
    return "\n".join([*lines, ""])


def _row(run: dict[str, Any]) -> str:
    full, floor, pandas = run.get("full"), run.get("floor"), run.get("pandas")
    return (
        f"| {run['lines']:,} | {run['records']:,} | {in_words(full)} | {_mb(full)} "
        f"| {in_words(floor)} | {_mb(floor)} | "
        f"{_times(full, floor)} | {in_words(pandas)} | {_mb(pandas)} | {_times(pandas, full)} | "
        f"{full['load_average'] if full else '–'} |"
    )


def _mb(cost: Cost | None) -> str:
    return f"{cost['peak_mb']:,}" if cost else "–"


def _times(cost: Cost | None, other: Cost | None) -> str:
    if cost is None or other is None or not ended(cost) or not ended(other):
        return "–"
    return f"{cost['cpu_seconds'] / max(other['cpu_seconds'], 0.1):.1f}"


def _growth(runs: Sequence[dict[str, Any]]) -> str:
    """The exponent, with and without what every run costs, however small."""
    points = [(run["lines"], run["full"]) for run in runs if ended(run.get("full"))]
    if len(points) < 2:
        return "The exponent of cost in size needs two sizes."
    of_wall = exponent([(lines, cost["seconds"]) for lines, cost in points])
    of_cpu = exponent([(lines, cost["cpu_seconds"]) for lines, cost in points])
    return f"Cost grows with lines to the power of {of_wall} (wall) and {of_cpu} (CPU); the fixed part is in it."


def _stages(runs: Sequence[dict[str, Any]]) -> list[str]:
    names = [*STAGES, "gates", "other"]
    rows = ["## By stage", "", f"| lines | {' | '.join(names)} |", "| --- " * (len(names) + 1) + "|"]
    for run in runs:
        if ended(run.get("full")):
            stages = by_stage(run["full"]["steps"])
            rows.append(f"| {run['lines']:,} | {' | '.join(in_words(stages.get(name)) for name in names)} |")
    return [*rows, ""]


def _identity(runs: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        "## Identity against Splink alone",
        "",
        _SPLINK,
        "",
        "| person records | ours | Splink alone | MB |",
        "| --- | --- | --- | --- |",
    ]
    for run in runs:
        if "splink" in run and ended(run.get("full")):
            own = [step for step in run["full"]["steps"] if step["name"] in _IDENTITY_TO_XREF]
            ours = {what: sum(step[what] for step in own) for what in ("seconds", "cpu_seconds")}
            rows.append(f"| {run['records']:,} | {in_words(ours)} | {in_words(run['splink'])} | {_mb(run['splink'])} |")
    return [*rows, ""]


def _agreement(runs: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        "## Do the floor's numbers agree with ours?",
        "",
        "Compared are customers of whom both know exactly the same source records, column by column.",
        "",
        "| lines | people | compared | columns | of them equal for all | the others: share equal |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    missing: list[str] = []
    for run in runs:
        found = run.get("agreement")
        if found:
            missing = found["only_ours"]
            other = {name: share for name, share in found["equal"].items() if share < 1}
            rows.append(
                f"| {run['lines']:,} | {found['people']:,} | {found['compared']:,} | {len(found['equal'])} | "
                f"{len(found['equal']) - len(other)} | {', '.join(f'{n} {s:.2%}' for n, s in other.items())} |"
            )
    if missing:
        rows += ["", f"Only ours ({len(missing)}, from policies, history or statistics): {', '.join(missing)}."]
    return [*rows, ""]


def _models(runs: Sequence[dict[str, Any]]) -> list[str]:
    rows = ["## The slowest models", "", "| lines | models (wall seconds) |", "| --- | --- |"]
    for run in runs:
        if ended(run.get("full")):
            slowest = ", ".join(f"{m['name']} {m['seconds']:.1f}" for m in run["full"]["models"])
            rows.append(f"| {run['lines']:,} | {slowest} |")
    return rows
