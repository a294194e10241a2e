"""The results of a full rebuild as a page that a person reads.

What belongs here: tables. What does not: measuring (`__main__`).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from benchmarks.aims import Aim, as_lines, at_least, at_most
from benchmarks.cost import Cost, ended, exponent, in_words
from benchmarks.machine import in_words as machine_in_words

STAGES = {
    "start": ("python", "plan", "import", "policies"),
    "ingestion": ("raw__",),
    "cleaning": ("clean__", "deliveries", "quality__", "conservation"),
    "identity": ("identity_", "identity__"),
    "warehouse (dbt)": ("purchases_for_valuation", "warehouse", "increment__"),
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
    """Wall and CPU seconds of each stage, every step counted once, and the most memory held during any of its steps."""
    found: dict[str, dict[str, float]] = {}
    for step in steps:
        name = str(step["name"])
        stage = "gates" if name.endswith("_gate") else _stage_of(name)
        costs = found.setdefault(stage, {"seconds": 0.0, "cpu_seconds": 0.0, "peak_mb": 0})
        for what in ("seconds", "cpu_seconds"):
            costs[what] = round(costs[what] + float(step[what]), 1)
        costs["peak_mb"] = max(costs["peak_mb"], step.get("peak_mb") or 0)
    return found


def stage_in_words(costs: dict[str, float] | None) -> str:
    """Wall / CPU seconds and MB of a stage as a table shows them."""
    if costs is None:
        return "–"
    held = f", {costs['peak_mb']:,} MB" if costs["peak_mb"] else ""
    return f"{in_words(costs)}{held}"


def _stage_of(name: str) -> str:
    return next((stage for stage, prefixes in STAGES.items() if name.startswith(prefixes)), "other")


def page(machine: dict[str, Any], runs: Sequence[dict[str, Any]]) -> str:
    """Markdown of all that was measured so far."""
    heads: tuple[str, ...] = ("lines", "person records", "full rebuild", "MB", "floor", "MB", "times floor")
    heads += ("pandas", "MB", "pandas / ours", "load", "commit")
    lines = [
        "# A full rebuild",
        "",
        f"`python -m benchmarks.refresh` on {machine_in_words(machine)}, memory limit {machine['memory_limit']}.",
        _HEAD,
        "",
        f"| {' | '.join(heads)} |",
        "| --- " * len(heads) + "|",
        *(_row(run) for run in runs),
        "",
        _growth(runs),
        "",
        _RIVALS,
        "",
        *as_lines(_aims(runs)),
        *stage_table(["lines"], [([f"{run['lines']:,}"], run.get("full")) for run in runs]),
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
        f"{full['load_average'] if full else '–'} | {run.get('commit', '–')} |"
    )


def _mb(cost: Cost | None) -> str:
    return f"{cost['peak_mb']:,}" if cost else "–"


def _ratio(cost: Cost | None, other: Cost | None, what: str) -> float | None:
    if cost is None or other is None or not ended(cost) or not ended(other):
        return None
    return float(cost[what]) / max(float(other[what]), 0.1)


def _times(cost: Cost | None, other: Cost | None) -> str:
    """How many times the other's seconds, wall / CPU."""
    found = [_ratio(cost, other, what) for what in ("seconds", "cpu_seconds")]
    return " / ".join("–" if ratio is None else f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}" for ratio in found)


def _exponents(runs: Sequence[dict[str, Any]]) -> tuple[float | None, float | None]:
    """The power of the number of lines with which wall and CPU seconds grow; None for fewer than two sizes."""
    points = [(run["lines"], run["full"]) for run in runs if ended(run.get("full"))]
    of_wall, of_cpu = (exponent([(n, cost[what]) for n, cost in points]) for what in ("seconds", "cpu_seconds"))
    return of_wall, of_cpu


def _growth(runs: Sequence[dict[str, Any]]) -> str:
    of_wall, of_cpu = _exponents(runs)
    if of_wall is None:
        return "The exponent of cost in size needs two sizes."
    steps = []
    done = [run for run in runs if ended(run.get("full"))]
    for one, other in pairwise(done):
        steps.append(f"{one['lines']:,} to {other['lines']:,} {exponent_between(one, other)}")
    return (
        f"Cost grows with lines to the power of {of_wall} (wall) and {of_cpu} (CPU); what every run costs is in it, "
        f"so look at the largest step (CPU): {', '.join(steps)}."
    )


def exponent_between(one: dict[str, Any], other: dict[str, Any]) -> float | None:
    """The power with which CPU seconds grow from one run to another."""
    return exponent([(run["lines"], run["full"]["cpu_seconds"]) for run in (one, other)])


def _aims(runs: Sequence[dict[str, Any]]) -> list[Aim]:
    """What a full rebuild was to show at the largest size measured, in wall seconds."""
    if not runs:
        return []
    largest, size = runs[-1], f"at {runs[-1]['lines']:,} lines"
    full = largest.get("full")
    beside_pandas = [run for run in runs if _ratio(run.get("pandas"), run.get("full"), "seconds") is not None]
    pandas = beside_pandas[-1] if beside_pandas else None
    of_pandas = _ratio(pandas["pandas"], pandas["full"], "seconds") if pandas else None
    done = [run for run in runs if ended(run.get("full"))]
    step = exponent_between(done[-2], done[-1]) if len(done) > 1 else None
    held = float(full["peak_mb"]) / 1000 if full is not None and ended(full) else None
    where = f"at {pandas['lines']:,} lines" if pandas else "where pandas fits"
    return [
        at_most(f"at most 3 times the floor, {size}", 3.0, _ratio(full, largest.get("floor"), "seconds")),
        at_most(f"under 8 GB, {size}", 8.0, held, " GB"),
        at_least(f"10 times faster than pandas, {where}", 10.0, of_pandas),
        at_most("exponent at most 1.1 between the two largest sizes (CPU)", 1.1, step),
    ]


def stage_table(of: Sequence[str], runs: Sequence[tuple[Sequence[str], Cost | None]]) -> list[str]:
    """Markdown of what each stage cost: `of` heads what a refresh is named by, `runs` are these names and its cost.

    A refresh that did not end has no line.
    """
    names = [*STAGES, "gates", "other"]
    said = "Wall / CPU seconds, and the most memory that the process tree held meanwhile."
    heads = [*of, *names]
    rows = ["## By stage", "", said, "", f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for named, cost in runs:
        if cost is not None and ended(cost):
            stages = by_stage(cost["steps"])
            rows.append(f"| {' | '.join([*named, *(stage_in_words(stages.get(name)) for name in names)])} |")
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
