"""One refresh as a benchmark measures it: in a process of its own, with its steps.

What belongs here: running `stage` and reading what it told. What does not: which landing zone, and what is compared.
"""

import json
import os
from pathlib import Path

from benchmarks.cost import Cost, ended, of_python


def refresh(what: str, landing: Path, warehouse: Path) -> Cost:
    """The cost of a refresh, with its steps, its slowest models and the load of the machine at its end.

    A step has `name`, `seconds`, `cpu_seconds`, `peak_mb` of the process tree (None where it ended between two
    samples), and `due`: a list of what its assets said of how much had to be made anew.
    """
    samples: list[tuple[float, int]] = []
    program = ["-m", "benchmarks.refresh.stage", str(landing), str(warehouse)]
    cost = with_load(of_python(what, program, samples=samples))
    told = warehouse.with_name(f"{warehouse.name}.measured.json")
    if ended(cost):
        detail = json.loads(told.read_text(encoding="utf-8"))
        told.unlink()
        began = 0.0
        for step in detail["steps"]:
            held = [mb for moment, mb in samples if began <= moment <= step["ended_at"]]
            step["peak_mb"] = max(held, default=None)
            began = step.pop("ended_at")
        cost |= {"steps": detail["steps"], "models": detail["models"]}
    return cost


def with_load(cost: Cost) -> Cost:
    """The load of the machine at the end, which says how far wall seconds can be believed."""
    return {**cost, "load_average": round(os.getloadavg()[0], 1)}
