"""What a program costs: wall and CPU seconds and the most memory that it and those below it held.

What belongs here: running one program to its end or to a limit, and how its cost and growth are written. What does
not: which programs (each benchmark), and the machine (`machine`).
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path
from typing import Any

from benchmarks.machine import PeakMemory

ROOT = Path(__file__).resolve().parents[1]
Cost = dict[str, Any]


def of_python(
    what: str, arguments: Sequence[str], limit: float | None = None, samples: list[tuple[float, int]] | None = None
) -> Cost:
    """The cost of one Python process and all below it; see `of`."""
    return of(what, [sys.executable, *arguments], limit, samples=samples)


def of(
    what: str,
    command: Sequence[str],
    limit: float | None = None,
    environment: Mapping[str, str] | None = None,
    samples: list[tuple[float, int]] | None = None,
) -> Cost:
    """Run a command in the project's folder and say what it cost.

    Args:
        what: what is measured, for the line that tells a person how it goes.
        command: program and arguments.
        limit: seconds after which it and all it started are stopped; None lets it end.
        environment: variables over those of this process.
        samples: gets the memory of the process tree over time: seconds since the epoch, MB.

    Returns:
        `seconds`, `cpu_seconds` and `peak_mb`; `stopped_after` (seconds) where the limit came first, `failed` (the last
        words it wrote to its error output) where it failed: a rival that cannot do the job is a result, not an error.
    """
    before, started = os.times(), time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - the benchmark's own programs
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # A group of its own, so that the limit also stops what it started.
        start_new_session=True,
    )
    memory = PeakMemory(process)
    stopped = False
    try:
        _, said = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        stopped = True
        os.killpg(process.pid, signal.SIGKILL)
        _, said = process.communicate()
    after = os.times()
    if samples is not None:
        samples += memory.samples
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    cost: Cost = {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mb": memory.mb,
    }
    if stopped:
        cost["stopped_after"] = limit
    elif process.returncode != 0:
        cost["failed"] = _last_words(said.decode(errors="replace"))
    sys.stdout.write(f"{what}: {in_words(cost)}, {cost['peak_mb']:,} MB\n")
    sys.stdout.flush()
    return cost


def _last_words(said: str) -> str:
    """The last line of an error output that stands at its margin: what follows it, indented, explains it."""
    lines = [line for line in said.splitlines() if line[:1].strip()]
    return lines[-1][:300] if lines else "no word"


def in_words(cost: Cost | None) -> str:
    """Wall / CPU seconds as a table shows them, or why there are none."""
    if cost is None:
        return "–"
    if "stopped_after" in cost:
        return f"stopped after {cost['stopped_after']:,.0f}"
    if "failed" in cost:
        return f"failed: {cost['failed']}"
    return f"{cost['seconds']:,.1f} / {cost['cpu_seconds']:,.1f}"


def ended(cost: Cost | None) -> bool:
    """Say whether it was run and came to its end by itself."""
    return cost is not None and "stopped_after" not in cost and "failed" not in cost


def failures(what: str, *costs: Cost | None) -> list[str]:
    """What failed, in words; what never ran or was stopped at its limit did not fail."""
    return [f"{what}: {cost['failed']}" for cost in costs if cost is not None and "failed" in cost]


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """The power of the size with which a cost grows: slope of the least-squares line through the logarithms."""
    if len(points) < 2:
        return None
    xs, ys = [log(x) for x, _ in points], [log(y) for _, y in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    return round(sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread, 3)
