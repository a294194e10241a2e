"""The last runs on a warehouse, read from Dagster's own file without Dagster, whose import takes a second.

What belongs here: reading what was recorded. What does not: recording it, and whatever asks Dagster itself (`jobs.py`).
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from orchestration.settings import Settings

# Where a person may have told Dagster to keep runs elsewhere, for instance in PostgreSQL.
_STORAGE_SETTINGS = {"storage", "run_storage"}


@dataclass(frozen=True)
class RecordedRun:
    """A run as Dagster recorded it; `started` is UTC."""

    started: datetime
    job: str
    status: str


def recent_runs(settings: Settings, limit: int) -> list[RecordedRun]:
    """The last runs on this warehouse, from the CLI or the UI, newest first."""
    if _kept_elsewhere(settings.dagster_home / "dagster.yaml"):
        from orchestration.jobs import runs_by_dagster

        return [RecordedRun(*run) for run in runs_by_dagster(settings, limit)]
    file = settings.dagster_home / "history" / "runs.db"
    if not file.exists():
        return []
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "select create_timestamp, pipeline_name, status from runs order by id desc limit ?", [limit]
        ).fetchall()
    return [RecordedRun(datetime.fromisoformat(started), job, status) for started, job, status in rows]


def _kept_elsewhere(config: Path) -> bool:
    """Say whether a warehouse's `dagster.yaml` names a storage of runs of its own."""
    if not config.exists():
        return False
    content: dict[str, Any] = yaml.load(config.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or {}
    return not _STORAGE_SETTINGS.isdisjoint(content)
