"""`python -m benchmarks.value.ours customers days`: what valuing so many customers costs, as one JSON object.

What belongs here: the measured work, in a process of its own so that its time and memory are its own. What does not:
drawing the customers (`world.py`, whose time is left out), and the table.
"""

import json
import resource
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.value.world import PurchaseDays, draw
from orchestration.settings import Settings
from orchestration.valuation import bg_nbd, gamma_gamma
from orchestration.valuation.values import make_values

START = date(2023, 7, 1)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def fit_and_score(purchases: PurchaseDays, days: int) -> dict[str, float]:
    """Aggregate, fit both models, and score every customer at 90 and 365 days."""
    started, cpu = time.perf_counter(), _cpu()
    starts = np.flatnonzero(np.diff(purchases.customer, prepend=-1))
    counts = np.diff(np.append(starts, purchases.customer.size))
    first, last = purchases.day[starts], purchases.day[starts + counts - 1]
    x, t_x, age = (counts - 1).astype(float), (last - first).astype(float), (days - first).astype(float)
    spent = np.add.reduceat(purchases.amount, starts) - purchases.amount[starts]
    histories = bg_nbd.Histories(x, t_x, age)
    parameters, optimum = bg_nbd.fit(histories)
    fitted = time.perf_counter() - started
    spend, _ = gamma_gamma.fit(gamma_gamma.Spends(x[x > 0], spent[x > 0]))
    alive = bg_nbd.p_alive(parameters, x, t_x, age)
    expected = gamma_gamma.expected_spend(spend, x, spent)
    value = sum(
        float((bg_nbd.expected_purchases(parameters, x, t_x, age, horizon, 0.00026) * expected).sum())
        for horizon in (90.0, 365.0)
    )
    return {
        "customers": x.size,
        "distinct_histories": len(histories),
        "evaluations": optimum.evaluations,
        "seconds_to_fit_purchases": round(fitted, 1),
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(_cpu() - cpu, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "mean_p_alive": round(float(alive.mean()), 4),
        "value": round(value),
    }


def room(purchases: PurchaseDays, days: int, months: int) -> dict[str, float]:
    """The whole stage: a fit, a back-test and every buyer's value on each of so many month ends."""
    end = START + timedelta(days=days)
    with TemporaryDirectory() as folder, duckdb.connect(str(Path(folder) / "value.duckdb")) as con:
        con.execute("set memory_limit = '2GB'")
        con.execute("set threads = 2")
        con.execute("create schema intermediate")
        con.execute("create schema valuation")
        con.execute(
            "create table intermediate.int_evaluation_days as "
            "select last_day(cast(cast($end as date) - to_months(cast(month as integer)) as date)) as evaluated_on "
            "from range(1, $months + 1) as months(month)",
            {"end": end, "months": months},
        )
        drawn = pa.table({"customer": purchases.customer, "day": purchases.day, "amount": purchases.amount})
        con.register("drawn", drawn)
        con.execute(
            "create table intermediate.int_purchase_days_aggregated as "
            "select format('C{:015d}', customer) as customer_id, "
            "cast($start as date) + cast(day as integer) as purchased_on, 1 as purchases, "
            "cast(amount as decimal(18, 4)) as purchased_amount from drawn",
            {"start": START},
        )
        con.unregister("drawn")
        started, cpu = time.perf_counter(), _cpu()
        report = make_values(con, Settings().policy_dir)
        return {
            "purchase_days": purchases.day.size,
            "days_of_evaluation": report.days,
            "rows": report.rows,
            "seconds": round(time.perf_counter() - started, 1),
            "cpu_seconds": round(_cpu() - cpu, 1),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }


def main() -> None:
    """Measure and print."""
    customers, days, months = (int(argument) for argument in sys.argv[1:])
    purchases = draw(customers, days)
    measured = {"fit_and_score": fit_and_score(purchases, days)}
    if months:
        measured["whole_stage"] = room(purchases, days, months)
    sys.stdout.write(json.dumps(measured))


if __name__ == "__main__":
    main()
