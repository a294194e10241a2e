"""What the shell offers for an argument when somebody presses Tab.

What belongs here: names that files tell at once. What does not: anything that opens a database or takes long.
"""

import csv
import os
from pathlib import Path

import typer

from orchestration.settings import Settings


def policy_tables(incomplete: str) -> list[str]:
    """Tables of `seeds/policy`."""
    return _beginning(incomplete, [path.stem for path in Settings().policy_dir.glob("*.csv")])


def audiences(incomplete: str) -> list[str]:
    """Audiences of `audiences.csv`."""
    try:
        with (Settings().policy_dir / "audiences.csv").open(encoding="utf-8-sig", newline="") as file:
            return _beginning(incomplete, [row.get("audience") or "" for row in csv.DictReader(file)])
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def versions(context: typer.Context, incomplete: str) -> list[str]:
    """Published versions of the warehouse that the line names, newest first."""
    warehouse = context.params.get("warehouse") or os.environ.get("C360_WAREHOUSE")
    folder = (Path(warehouse) if warehouse else Settings().warehouse) / "serving" / "versions"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return _beginning(incomplete, names)[::-1]


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete) and name})
