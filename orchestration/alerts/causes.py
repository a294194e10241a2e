"""What is wrong now: failed gates, late deliveries, red KPIs, customer ids that changed.

What belongs here: finding causes in what a run left behind. What does not: whom to tell (`policy.py`), telling
(`channels.py`), remembering what was told (`alerts.py`). Nothing here names a person, a value of a row or a file:
checks, datasets, KPIs and counts only.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from statistics import median

import duckdb

from orchestration.database import connect, connect_file, table_exists
from orchestration.errors import UserError, WarehouseBusyError
from orchestration.publication.versions import current_version
from orchestration.settings import Settings


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong: its kind as in `alerts.csv`, what it is about, its size, and a sentence."""

    kind: str
    about: str
    size: float
    text: str

    @property
    def key(self) -> str:
        """What makes two sightings the same cause."""
        return f"{self.kind}:{self.about}"


@dataclass
class Sighting:
    """The causes that stand now; `looked_at` are the kinds that could be judged, so that only those can be over."""

    causes: list[Cause] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)

    def add(self, kind: str, causes: list[Cause]) -> None:
        """Add what was found of one kind, were it nothing."""
        self.causes.extend(causes)
        self.looked_at.add(kind)


def look(settings: Settings, today: date, failed_steps: list[str] | None = None) -> Sighting:
    """Look at everything there is.

    Args:
        settings: Names the warehouse.
        today: The business day by the clock, against which deliveries are late.
        failed_steps: Steps in which the last run failed, [] when it went well, None when that is not known.

    Returns:
        What stands; gates and ids are left out while another process holds the working database, KPIs where
            the published file is damaged.
    """
    seen = Sighting()
    if failed_steps is not None:
        seen.add("run_failed", [_run_failed(failed_steps)] if failed_steps else [])
    seen.add("delivery_late", late_deliveries(settings, today))
    version = current_version(settings)
    if version is not None:
        # A damaged file says nothing about KPIs, and must not keep the rest from being told.
        with suppress(UserError), connect_file(version.file) as published:
            seen.add("kpi_red", red_kpis(published))
    if settings.database.exists():
        try:
            with connect(settings, read_only=True) as working:
                seen.add("gate_failed", failed_gates(working))
                seen.add("id_churn", changed_ids(working))
        except WarehouseBusyError:
            pass  # a run holds it: its end will look again
    return seen


def _run_failed(steps: list[str]) -> Cause:
    return Cause(
        "run_failed",
        "refresh",
        1,
        f"The last refresh failed in {', '.join(sorted(steps))}; BI sees the version before.",
    )


def failed_gates(con: duckdb.DuckDBPyConnection) -> list[Cause]:
    """The blocking checks that failed in the newest run of `quality.check_results`; size is 1 each."""
    if not table_exists(con, "quality", "check_results"):
        return []
    rows = con.execute(
        """
        with newest as (select arg_max(run_id, rowid) as run_id from quality.check_results)
        select stage, check_name, table_name, coalesce(max(unexpected_rows), 0), any_value(owner)
        from quality.check_results semi join newest using (run_id)
        where not passed and severity = 'error'
        group by stage, check_name, table_name order by all"""
    ).fetchall()
    return [
        Cause(
            "gate_failed",
            f"{stage}.{check}.{table}",
            1,
            f"Check {check} on {table} {_outcome(count)} and blocks publication; owner: {owner}.",
        )
        for stage, check, table, count, owner in rows
    ]


def _outcome(rows: int) -> str:
    """What a failed check found; -1 stands for a check that could not run."""
    return "could not run" if rows < 0 else f"failed with {rows:,} row{'' if rows == 1 else 's'}"


def changed_ids(con: duckdb.DuckDBPyConnection) -> list[Cause]:
    """The share of customer ids that the last run changed, from `identity.id_stability`; size is that share."""
    if not table_exists(con, "identity", "id_stability"):
        return []
    row = con.execute(
        "select changed_share, ids_changed, ids_before, held from identity.id_stability where ids_changed > 0"
    ).fetchone()
    if row is None:
        return []
    share, changed, before, held = row
    held_back = " The publication is held until the cause is gone or the change is accepted." if held else ""
    return [
        Cause(
            "id_churn", "customers", share, f"{changed:,} of {before:,} customer ids changed ({share:.1%}).{held_back}"
        )
    ]


def red_kpis(con: duckdb.DuckDBPyConnection) -> list[Cause]:
    """The KPIs over all customers that are red at the newest evaluation of `marts.kpi_daily`; size is 1 each."""
    if not table_exists(con, "marts", "kpi_daily"):
        return []
    rows = con.execute(
        """
        select kpi, any_value(value), any_value(target), any_value(owner)
        from marts.kpi_daily
        where dimension = 'all' and status = 'red' and as_of = (select max(as_of) from marts.kpi_daily)
        group by kpi order by kpi"""
    ).fetchall()
    return [
        Cause("kpi_red", kpi, 1, f"KPI {kpi} is red: {_figure(value)}, target {_figure(target)}; owner: {owner}.")
        for kpi, value, target, owner in rows
    ]


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{float(value):,.4g}"


def late_deliveries(settings: Settings, today: date) -> list[Cause]:
    """Datasets whose next delivery is overdue; size is the days waited over the usual gap (median, at least a day).

    A dataset that was delivered once has no usual gap yet, and is not late.
    """
    late: list[Cause] = []
    for folder in sorted(settings.raw_dir.glob("*/*")):
        days = sorted(
            date.fromisoformat(partition.name.removeprefix("delivery_date="))
            for partition in folder.glob("delivery_date=*")
        )
        if len(days) < 2:
            continue
        usual = max(1.0, median((later - earlier).days for earlier, later in pairwise(days)))
        waited = (today - days[-1]).days
        if waited > usual:
            dataset = f"{folder.parent.name}/{folder.name}"
            text = f"{dataset} was last delivered on {days[-1]}, {waited} days ago; usual are {usual:g}."
            late.append(Cause("delivery_late", dataset, waited / usual, text))
    return late
