"""One refresh in a process of its own, with the seconds of its start and of each step.

What belongs here: running and timing. What does not: worlds, memory of the process tree, the table (`__main__`).
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestration.settings import Settings

_OF_DUE = {"due", "because"}
_STARTED = time.perf_counter()


def main() -> None:
    """Refresh `<landing> <warehouse>`, with `--only-start` up to the first step; write `<warehouse>.measured.json`."""
    landing, warehouse = Path(sys.argv[1]), Path(sys.argv[2])
    only_start = "--only-start" in sys.argv
    os.environ |= {"C360_LANDING": str(landing), "C360_WAREHOUSE": str(warehouse)}
    marks: list[dict[str, Any]] = []

    def mark(name: str) -> None:
        passed, now = time.perf_counter() - _STARTED, time.time()
        marks.append({"name": name, "seconds": passed, "cpu_seconds": _cpu_seconds(), "ended_at": now})

    mark("python")
    import orchestration.cli
    from orchestration.garbage import collect_seldom

    collect_seldom()
    mark("import of the command line")
    from orchestration.plan import plan_refresh
    from orchestration.settings import Settings

    settings = Settings()
    plan = plan_refresh(settings)
    mark("plan: what is new")
    from orchestration.jobs import DBT_LOG, StepEnd, run_refresh

    mark("import of Dagster")
    from orchestration.warehouse.runner import prepare_manifest

    prepare_manifest(settings)
    mark("policies checked, dbt manifest")
    import orchestration.definitions  # noqa: F401 - measured

    mark("import of the code location")

    def on_step(step: StepEnd, _done: int, _total: int) -> None:
        mark(step.step)
        if only_start:
            _tell(warehouse, marks, [], {})
            # The run is broken off as a kill would do it; the next one finds and closes it.
            os._exit(0)

    run_refresh(settings, plan, on_step)
    mark("end")
    log = (settings.dagster_home / DBT_LOG).read_text(encoding="utf-8").splitlines()
    _tell(warehouse, marks, log, _due(settings))


def _due(settings: "Settings") -> dict[str, list[dict[str, Any]]]:
    """What the assets of the last run say of how much they made anew, by step.

    The metadata of each asset with the word `due` or `because` in the name: `rows_due`, `due_of`, `full_because` …
    """
    from dagster import DagsterEventType

    from orchestration.jobs import open_instance

    found: dict[str, list[dict[str, Any]]] = {}
    with open_instance(settings) as instance:
        (run,) = instance.get_run_records(limit=1)
        for entry in instance.all_logs(run.dagster_run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION):
            event = entry.get_dagster_event()
            made = event.step_materialization_data.materialization
            said = {name: entry.value for name, entry in made.metadata.items() if _OF_DUE & set(name.split("_"))}
            if said:
                told = {"asset": made.asset_key.to_user_string(), "said": said}
                found.setdefault(event.step_key or "run", []).append(told)
    return found


def _tell(warehouse: Path, marks: list[dict[str, Any]], log: list[str], due: dict[str, list[dict[str, Any]]]) -> None:
    """Write the seconds of each step, which are those between two marks, and the slowest models of dbt's lines."""
    steps = [
        {
            "name": after["name"],
            "seconds": round(after["seconds"] - before["seconds"], 2),
            "cpu_seconds": round(after["cpu_seconds"] - before["cpu_seconds"], 2),
            "ended_at": after["ended_at"],
            "due": due.get(after["name"], []),
        }
        for before, after in zip([{"seconds": 0.0, "cpu_seconds": 0.0}, *marks], marks, strict=False)
    ]
    measured = {"steps": steps, "models": _slowest_models(log)}
    warehouse.with_name(f"{warehouse.name}.measured.json").write_text(json.dumps(measured), encoding="utf-8")


def _cpu_seconds() -> float:
    """CPU seconds of this process and of the children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _slowest_models(log: list[str], count: int = 15) -> list[dict[str, Any]]:
    """The models that took longest by dbt's own lines (`… OK created sql table model <name> … [OK in 1.23s]`)."""
    found: list[dict[str, Any]] = []
    for line in log:
        if " OK created " in line and " in " in line:
            name = line.split(" model ")[1].split()[0]
            found.append({"name": name, "seconds": float(line.rsplit(" in ", 1)[1].rstrip("s]\n"))})
    return sorted(found, key=lambda model: model["seconds"], reverse=True)[:count]


if __name__ == "__main__":
    main()
