"""What the dashboard draws: small tables of counts and sums, made in DuckDB from the published file alone.

What belongs here: running `queries/*.sql` and shaping what they give. What does not: how it is drawn (`charts.py`).

A *cell* is a combination of the three filters (official tier, usual channel, region). Tables that can be filtered hold
a row per cell and are added up by the page, so their size grows with the number of tiers, channels and regions, never
with the number of customers.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import identifier, literal
from orchestration.errors import UserError

_QUERIES = Path(__file__).with_name("queries")

# What bounds the page: a region more is a row more in every table with cells.
_REGIONS = 8
_MONTHS = 13
_DELIVERIES = 31
_SECOND_PURCHASE_DAYS = 180
# Months stepped over, and the cells of a flow. A customer's tier now is what the tier chart shows: filtered by tier its
# flows would all end in one node.
_FLOWS = {"tier_flows": (3, "channel, region"), "stage_flows": (2, "tier, channel, region")}
FILTERS = ("tier", "channel", "region")

# Whose codes a column holds: they are shown by the words of reference `dashboard_strings`, or else as they are.
_DOMAINS: Mapping[str, Mapping[str, str]] = {
    "tiers": {"measure": "measure"},
    "tier_trend": {"then_tier": "tier"},
    "tier_flows": {"from_state": "tier", "to_state": "tier"},
    "stage_flows": {"from_state": "stage", "to_state": "stage"},
    "rfm_segments": {"segment": "segment"},
    "funnel": {"stage": "funnel"},
    "stages": {"stage": "stage"},
    "backtest": {"grouped_by": "grouping"},
    "service_measures": {"measure": "service"},
    "service_rates": {"measure": "service"},
    "sales": {"side": "side"},
    "kpis": {"kpi": "kpi_name"},
    "topics": {"topic": "topic"},
    "complaint_path": {"step": "complaint"},
    "weak_points": {"problem": "problem", "topic": "topic", "case_channel": "channel"},
    "habits": {"habit": "habit"},
    "audiences": {"audience": "audience", "arm": "arm"},
    "uplift": {"audience": "audience", "verdict": "verdict"},
    "links": {"source": "source"},
    "completeness": {"field": "field"},
    "deliveries": {"outcome": "outcome"},
    "quarantine": {"reason": "reason"},
    "conservation": {"hop": "hop"},
    "gates": {"stage": "gate"},
}
_EVERYWHERE = {name: name for name in FILTERS}


@dataclass(frozen=True)
class Dataset:
    """One small table: `columns` by name, all of one length; `domains` says whose codes a column holds."""

    columns: Mapping[str, Sequence[Any]]
    domains: Mapping[str, str] = field(default_factory=dict)

    @property
    def filters(self) -> list[str]:
        """The filters that this table answers to."""
        by_part = ["tier", "channel"] if "part" in self.columns and "kpi" in self.columns else []
        by_part = by_part or (["tier"] if "part" in self.columns else [])
        return by_part or [name for name in FILTERS if name in self.columns]

    def rows(self) -> list[dict[str, Any]]:
        """The table as records."""
        return [dict(zip(self.columns, values, strict=True)) for values in zip(*self.columns.values(), strict=True)]


def collect(connection: duckdb.DuckDBPyConnection, as_of: date) -> dict[str, Dataset]:
    """Count what the dashboard shows.

    Args:
        connection: A published file, opened read-only.
        as_of: The business day it was evaluated at.

    Returns:
        A dataset for every file of `queries/` and every flow, and the table `labels` (domain, code, zh), which holds
        the Chinese names that policy tables gave to tiers and KPIs.

    Raises:
        UserError: the file was published by an earlier release and lacks a table or column.
    """
    connection.execute(_query("_cells", regions=_REGIONS))
    connection.execute(_query("_months", months=_MONTHS))
    days = [day for (day,) in connection.execute("select month_end from months order by position").fetchall()]
    official = _official_scheme(connection)
    queries = {
        path.stem: _query(
            path.stem,
            official=identifier(official),
            months=_MONTHS,
            deliveries=_DELIVERIES,
            horizon=_SECOND_PURCHASE_DAYS,
        )
        for path in _QUERIES.glob("[!_]*.sql")
    }
    for name, (flows, cells) in _FLOWS.items():
        column = official if name == "tier_flows" else "lifecycle_stage"
        queries[name] = _query("_flows", **_flow_steps(days, flows, column, cells))
    datasets = {name: _run(connection, queries[name], as_of, _DOMAINS.get(name, {})) for name in sorted(queries)}
    datasets["labels"] = _run(connection, _LABELS, as_of, {})
    return datasets


_LABELS = """
select 'tier' as domain, tier as code, max(label_zh) as zh, avg(window_spend) as weight
from marts.customer_segments where is_official group by tier
union all
select 'segment', tier, max(label_zh), avg(window_spend) from marts.customer_segments where scheme = 'rfm' group by tier
union all
select 'kpi_name', kpi, max(label_zh), 0 from marts.kpi_daily group by kpi
union all
select 'problem', problem, max(label_zh), 0 from marts.service_weak_points group by problem
union all
select 'region', region, null, count(*) from cells group by region
order by domain, weight desc, code
"""


def _official_scheme(connection: duckdb.DuckDBPyConnection) -> str:
    """The column of `customer_history` that holds the official scheme."""
    found = connection.execute("select scheme from marts.customer_segments where is_official limit 1").fetchone()
    scheme = str(found[0]) if found else "spend_tier"
    return {"rfm": "rfm_segment", "rfm_fixed": "rfm_fixed_segment"}.get(scheme, scheme)


def _flow_steps(days: Sequence[date], flows: int, column: str, cells: str) -> dict[str, str]:
    """SQL of a customer's states at the last month ends, side by side, and of the pairs that follow one another."""
    ends = days[-flows - 1 :]
    pivoted = [
        f"max({identifier(column)}) filter (where month_end = {literal(day.isoformat())}) as state_{number}"
        for number, day in enumerate(ends)
    ] or ["null as state_0"]
    stepped = [
        f"select {number} as step, {literal(first.isoformat())} as from_day, {literal(second.isoformat())} as to_day, "
        f"coalesce(state_{number}, 'not_yet') as from_state, coalesce(state_{number + 1}, 'not_yet') as to_state, "
        f"{cells}, count(*) as customers from states join cells using (customer_id) group by all"
        for number, (first, second) in enumerate(itertools.pairwise(ends))
    ]
    if not stepped:
        nothing = (
            "select 0 as step, null as from_day, null as to_day, null as from_state, null as to_state, "
            f"{cells}, 0 as customers from cells where false"
        )
        stepped = [nothing]
    return {"flows": str(flows), "pivoted": ", ".join(pivoted), "stepped": " union all ".join(stepped)}


def _query(name: str, **values: object) -> str:
    return (_QUERIES / f"{name}.sql").read_text(encoding="utf-8").format(**values)


def _run(connection: duckdb.DuckDBPyConnection, sql: str, as_of: date, domains: Mapping[str, str]) -> Dataset:
    parameters = {"as_of": as_of} if "$as_of" in sql else None
    try:
        result = connection.execute(sql, parameters) if parameters else connection.execute(sql)
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise UserError(
            f"The dashboard reads what this published version does not hold ({str(error).splitlines()[0]}). An earlier "
            "release of customer360 published it: run c360 refresh, which publishes a new one with its dashboard."
        ) from error
    names = [column[0] for column in result.description]
    rows = result.fetchall()
    columns = {name: [_plain(row[position]) for row in rows] for position, name in enumerate(names)}
    return Dataset(columns, {**{n: d for n, d in _EVERYWHERE.items() if n in columns}, **domains})


def _plain(value: Any) -> Any:
    """A value as JSON has it; six significant digits are more than a screen shows."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | float):
        if not math.isfinite(value):
            return None
        number = float(value)
        number = float(f"{number:.6g}") if abs(number) < 1e6 else float(round(number))
        return int(number) if number.is_integer() else number
    return value
