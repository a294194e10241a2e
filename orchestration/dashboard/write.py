"""Writing the dashboard of a published version beside its file.

What belongs here: which version, where the HTML lies, and that it appears whole. What does not: its content.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from orchestration.dashboard.aggregates import Dataset, collect
from orchestration.dashboard.words import read_words, words_for
from orchestration.database import engine_config
from orchestration.files import write_whole
from orchestration.publication.versions import Version
from orchestration.settings import Settings

FILE_NAME = "dashboard.html"
WORDS = "dashboard_strings.csv"


@dataclass(frozen=True)
class Dashboard:
    """A written dashboard: where it lies, its size, and what it shows."""

    path: Path
    bytes: int
    panels: int
    kpis_red: int


def dashboard_path(version: Version) -> Path:
    """Where the dashboard of a version lies; readers open it by `serving/current/dashboard.html`."""
    return version.path / FILE_NAME


def write_dashboard(settings: Settings, version: Version) -> Dashboard:
    """Write the dashboard of a published version, from aggregates of its file alone.

    Args:
        settings: Names the words, the time zone and DuckDB's limits.
        version: The version; its file is opened read-only and not changed.

    Returns:
        What was written.

    Raises:
        UserError: the file of words is faulty.
    """
    # Altair takes a quarter of a second to import: only whoever draws pays for it.
    from orchestration.dashboard.page import build_page, vega_bundle
    from orchestration.dashboard.sections import SECTIONS

    words = read_words(settings.reference_dir / WORDS)
    with duckdb.connect(str(version.file), read_only=True, config=engine_config(settings)) as connection:
        datasets = collect(connection, version.manifest.as_of)
    words, codes = words_for(words, datasets)
    page = build_page(_meta(settings, version, datasets), datasets, words, codes, vega_bundle(settings.temp_dir))
    path = dashboard_path(version)
    write_whole(path, page)
    path.chmod(0o444)
    red = sum(row["status"] == "red" and row["is_as_of"] and row["part"] == "all" for row in datasets["kpis"].rows())
    return Dashboard(path, path.stat().st_size, sum(map(len, SECTIONS.values())), red)


def _meta(settings: Settings, version: Version, datasets: dict[str, Dataset]) -> dict[str, Any]:
    """What the header shows; a version exists only when no blocking check failed."""
    gates = datasets["gates"].rows()
    built = version.manifest.created_at.astimezone(ZoneInfo(settings.timezone))
    return {
        "version": version.id,
        "as_of": version.manifest.as_of.isoformat(),
        "created_at": f"{built:%Y-%m-%d %H:%M}",
        "gates": len(gates),
        "gates_passed": sum(not gate["blocking"] for gate in gates),
        "checks": sum(gate["checks"] for gate in gates),
        "checks_passed": sum(gate["passed"] for gate in gates),
    }
