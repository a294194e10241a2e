"""Which cause is told on which channel and from which size on, read from `seeds/policy/alerts.csv`.

What belongs here: reading and checking that table. What does not: finding causes (`causes.py`),
sending (`channels.py`).
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.warehouse.policy_rows import policy_day, policy_fault, read_policy_rows

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
    in_force: dict[tuple[str, str], tuple[date, Route]] = {}
    for number, row in _rows(path):
        for column, known in (("cause", CAUSES), ("channel", CHANNELS), ("severity", SEVERITIES)):
            if row[column] not in known:
                raise policy_fault(path, number, f"{column} is {row[column]!r}: use {', '.join(known)}.")
        valid_from = policy_day(path, number, "valid_from", row["valid_from"])
        try:
            threshold = float(row["threshold"])
        except ValueError:
            threshold = 0
        if not 0 < threshold < float("inf"):
            raise policy_fault(path, number, f"threshold is {row['threshold']!r}: write a number above 0.")
        key = (row["cause"], row["channel"])
        if valid_from <= on and (key not in in_force or valid_from >= in_force[key][0]):
            in_force[key] = (valid_from, Route(row["channel"], row["severity"], threshold))
    routes: Routes = {}
    for (cause, _), (_, route) in in_force.items():
        if route.severity != "off":
            routes.setdefault(cause, []).append(route)
    return routes


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        rows = read_policy_rows(path, strip=True)
    except OSError as error:
        raise policy_fault(path, 1, f"the file cannot be read ({error.strerror}). Restore it.") from error
    for number, row in rows:
        missing = [column for column in _COLUMNS if column not in row]
        if missing:
            raise policy_fault(path, number, f"the column {missing[0]} is missing. Restore it.")
    return rows
