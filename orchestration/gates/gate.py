"""One gate: run a stage's suite on the working database and keep what it found.

What belongs here: opening the database for a suite, counting what it looks at (`conservation.py`), storing the results
and the page about them (`report.py`). What does not: what is expected (`data_quality/suites`), and how Dagster
shows it (`checks.py`).
"""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from data_quality.contract import load_contracts
from data_quality.gx_runner import run_suite
from data_quality.results import CheckResult
from data_quality.suite import Suite
from orchestration import database
from orchestration.gates.conservation import HopSummary, balance_deliveries, balance_marts, summarise
from orchestration.gates.report import REPORT_NAME, write_report
from orchestration.gates.store import append_results
from orchestration.settings import Settings


def check_stage(
    settings: Settings, suite: Suite, run_id: str, *, as_of: date, file: Path | None = None
) -> list[CheckResult]:
    """Check one stage and append the results to `quality.check_results`.

    No other connection of this process may have the working database open.

    Args:
        settings: Names the working database.
        suite: What must be true.
        run_id: The Dagster run the results belong to.
        as_of: The business day the tables were evaluated at.
        file: Check this DuckDB file rather than the working database (a version that has just been built).

    Returns:
        One result per expectation, in the order of the suite.
    """
    # Waits for nothing, but reports a warehouse that another process holds in words a person can act on.
    with database.connect(settings) as connection:
        contracts = load_contracts(settings.contracts_dir).values()
        if suite.stage == "clean":
            balance_deliveries(connection, contracts, as_of)
        elif suite.stage == "marts":
            balance_marts(connection, contracts, as_of, published=published_file(settings))
    database.close_kept()
    results = run_suite(file or settings.database, suite, database.engine_config(settings), as_of=as_of)
    checked_at = datetime.now(ZoneInfo(settings.timezone)).replace(tzinfo=None)
    with database.connect(settings) as connection:
        append_results(connection, run_id=run_id, stage=suite.stage, checked_at=checked_at, results=results)
        # After every gate, so that a run that stops has its page too.
        write_report(
            connection, report_file(settings), run_id=run_id, as_of=as_of, title=f"Quality of the last run, {as_of}"
        )
    return results


def hop_summaries(settings: Settings) -> list[HopSummary]:
    """What conservation has counted so far, hop by hop; none before the first hop was counted."""
    with database.connect(settings, read_only=True) as connection:
        return summarise(connection)


def report_file(settings: Settings) -> Path:
    """The page about the last run, whatever became of it; each version has its own beside its file."""
    return settings.warehouse / REPORT_NAME


def published_file(settings: Settings) -> Path:
    """The file that readers see now; it may not exist yet."""
    return settings.serving_dir / "current" / "c360.duckdb"
