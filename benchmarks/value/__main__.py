"""`python -m benchmarks.value`: CDNOW against its published figures and PyMC-Marketing, and the cost for many.

What belongs here: the order of work and the results as files. What does not: the measured work (`ours.py`, `rivals/`).
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.results import write_results
from orchestration.settings import PROJECT_ROOT
from orchestration.valuation import bg_nbd

RESULTS = Path(__file__).resolve().parent / "results"
CDNOW = PROJECT_ROOT.parent / "shared" / "data" / "clv" / "CDNOW_sample.txt"
PUBLISHED = {
    "r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259, "log_likelihood": -9582.43, "expected_52_weeks": 25.757,
    "p_alive": 0.96885,
}  # fmt: skip
_WHAT_IS_MEASURED = """\
Fit and score: aggregation of one row per purchase day, both fits, p(alive) and discounted CLV at 90 and 365 days. \
Whole stage: a fit, a back-test and the value of every buyer on each day of evaluation, from and to DuckDB; fits for \
back-tests that begin before the first day come on top. Peak memory counts the drawn purchases too."""


def cdnow() -> pd.DataFrame:
    """The first 39 weeks of CDNOW: `customer_id`, `frequency`, `recency`, `T`, times in weeks."""
    names = ["master_id", "customer_id", "day", "units", "amount"]
    lines = pd.read_csv(CDNOW, sep=r"\s+", header=None, names=names, dtype={"day": str})
    lines["day"] = pd.to_datetime(lines["day"])
    end = pd.Timestamp("1997-09-30")
    days = lines[lines["day"] <= end].drop_duplicates(["customer_id", "day"]).groupby("customer_id")["day"]
    seen = days.agg(["min", "max", "count"]).reset_index()
    return pd.DataFrame(
        {
            "customer_id": seen["customer_id"],
            "frequency": seen["count"] - 1,
            "recency": (seen["max"] - seen["min"]).dt.days / 7,
            "T": (end - seen["min"]).dt.days / 7,
        }
    )


def ours(data: pd.DataFrame) -> dict[str, Any]:
    """Our fit of CDNOW."""
    started = time.perf_counter()
    histories = bg_nbd.Histories(data["frequency"].to_numpy(), data["recency"].to_numpy(), data["T"].to_numpy())
    parameters, _ = bg_nbd.fit(histories)
    seconds = time.perf_counter() - started
    one = (np.array([26.0]), np.array([30.857142857]), np.array([31.0]))
    return {
        **{name: getattr(parameters, name) for name in ("r", "alpha", "a", "b")},
        "log_likelihood": histories.log_likelihood(parameters),
        "expected_52_weeks": float(bg_nbd.expected_purchases(parameters, *one, 52.0)[0]),
        "p_alive": float(bg_nbd.p_alive(parameters, *one)[0]),
        "seconds": round(seconds, 2),
    }


def reference(data: pd.DataFrame) -> dict[str, Any]:
    """PyMC-Marketing's fit of the same customers, in an environment of its own; empty without uv."""
    uv = shutil.which("uv")
    if uv is None:
        return {"note": "needs uv on the path"}
    script = Path(__file__).parent / "rivals" / "pymc_marketing_map.py"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cdnow.csv"
        data.to_csv(path, index=False)
        command = [uv, "run", "--quiet", "--no-project", "--script", str(script), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    if done.returncode:
        return {"note": f"failed: {done.stderr.strip().splitlines()[-1:]}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def cost(customers: int, days: int, months: int) -> dict[str, Any]:
    """What valuing many customers costs, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.value.ours", str(customers), str(days), str(months)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT_ROOT)  # noqa: S603 - our own module
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def table(results: dict[str, Any]) -> str:
    """The results as a page."""
    found = results["cdnow"]
    lines = [
        "# Customer value",
        "",
        f"{results['machine']}. `python -m benchmarks.value`",
        "",
        "## CDNOW, 39 weeks",
        "",
    ]
    lines += ["| | published | ours | PyMC-Marketing |", "| --- | --- | --- | --- |"]
    for name in (*PUBLISHED, "seconds"):
        cells = (found[column].get(name) for column in ("published", "ours", "pymc_marketing"))
        lines.append(f"| {name} | " + " | ".join("" if c is None else f"{c:.6g}" for c in cells) + " |")
    for title, measured in results["cost"].items():
        lines += ["", f"## {title.replace('_', ' ').capitalize()}", "", "| | |", "| --- | --- |"]
        lines += [f"| {name.replace('_', ' ')} | {value:,} |" for name, value in measured.items()]
    lines += [
        "",
        _WHAT_IS_MEASURED,
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run everything and write `results/value.json` and `results/value.md`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.value", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=1_095, help="days over which they buy")
    parser.add_argument(
        "--months", type=int, default=24, help="month ends that the whole stage values; 0 leaves it out"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    wanted = parser.parse_args()
    data = cdnow()
    results = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "cdnow": {"published": PUBLISHED, "ours": ours(data), "pymc_marketing": reference(data)},
        "cost": cost(wanted.customers, wanted.days, wanted.months),
    }
    page = table(results)
    write_results(wanted.results, "value", results, page)
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
