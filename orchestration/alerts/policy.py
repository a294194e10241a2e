"""Which cause is told on which channel and from which size on, read from `seeds/policy/alerts.csv`.

What belongs here: reading and checking that table. What does not: finding causes (`causes.py`),
sending (`channels.py`).
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.policy_rows import newest_in_force, policy_day, policy_fault, read_number, read_policy_rows

CAUSES = ("gate_failed", "run_failed", "delivery_late", "kpi_red", "id_churn")
CHANNELS = ("log", "file", "webhook", "mail")
SEVERITIES = ("warning", "error", "off")
_COLUMNS = ("cause", "channel", "severity", "threshold", "valid_from", "why")


@dataclass(frozen=True)
class Route:
    """One channel of a cause: how severe the message says it is, and from which size of the cause on it is sent."""

    channel: str
    severity: str
    threshold: float


Routes = dict[str, list[Route]]
"""The channels of each cause; a cause without a row is told nowhere."""


def load_routes(path: Path, on: date) -> Routes:
    """Read the rows in force on a day; of several rows of one cause and channel the newest `valid_from` counts.

    Raises:
        UserError: the file is missing or lacks a column, or a row names no known cause, channel or severity, no
            positive threshold or no day.
    """
    versions = []
    for number, row in read_policy_rows(path, _COLUMNS, strip=True):
        for column, known in (("cause", CAUSES), ("channel", CHANNELS), ("severity", SEVERITIES)):
            if row[column] not in known:
                raise policy_fault(path, number, f"{column} is {row[column]!r}: use {', '.join(known)}.")
        valid_from = policy_day(path, number, "valid_from", row["valid_from"])
        threshold = read_number(f"The policy table {path}, row {number}", "threshold", row["threshold"])
        route = Route(row["channel"], row["severity"], threshold)
        versions.append(((row["cause"], row["channel"]), valid_from, route))
    routes: Routes = {}
    for (cause, _), route in newest_in_force(versions, on).items():
        if route.severity != "off":
            routes.setdefault(cause, []).append(route)
    return routes
