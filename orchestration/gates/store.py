"""What the gates found, kept over time in `quality.check_results`, and what it means for publication.

What belongs here: writing and reading that table. What does not: running checks (`data_quality`), and publishing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from data_quality.results import CheckResult
from data_quality.suite import Suite
from orchestration.database import table_exists, transaction

# The order in which results were written; `checked_at` does not tell it, since clocks are set back.
_WRITTEN = "rowid"
_CREATE = """
create table if not exists quality.check_results (
    run_id varchar not null,
    checked_at timestamp not null,
    stage varchar not null,
    check_name varchar not null,
    table_name varchar not null,
    severity varchar not null,
    passed boolean not null,
    unexpected_rows bigint not null,
    observed varchar,
    examples varchar[],
    owner varchar,
    why varchar,
    seconds double
)
"""


@dataclass(frozen=True)
class Refusal:
    """A blocking check that keeps a version from being published, and why."""

    stage: str
    check: str
    table: str
    reason: str


def append_results(
    connection: duckdb.DuckDBPyConnection,
    *,
    run_id: str,
    stage: str,
    checked_at: datetime,
    results: Sequence[CheckResult],
) -> None:
    """Add one suite's results; grain of `quality.check_results`: check × run, the last time it ran in that run.

    Args:
        connection: The working database.
        run_id: The Dagster run.
        stage: The suite.
        checked_at: Business time, without zone.
        results: One per expectation.
    """
    with transaction(connection):
        connection.execute(_CREATE)
        connection.execute("delete from quality.check_results where run_id = ? and stage = ?", [run_id, stage])
        if results:
            connection.executemany(
                "insert into quality.check_results values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    [
                        run_id,
                        checked_at,
                        stage,
                        r.check,
                        r.table,
                        r.severity,
                        r.passed,
                        r.unexpected_rows,
                        r.observed,
                        r.examples,
                        r.owner,
                        r.why,
                        r.seconds,
                    ]
                    for r in results
                ],
            )


def refusals(connection: duckdb.DuckDBPyConnection, suites: Iterable[Suite]) -> list[Refusal]:
    """Blocking checks of these suites that forbid publication now.

    A check forbids it when its latest result is a failure, and also when it has never run: what was not
    checked is not known to be right.
    """
    latest = _latest(connection)
    found: list[Refusal] = []
    for suite in suites:
        for expectation in suite.expectations:
            if expectation.severity != "error":
                continue
            outcome = latest.get((suite.stage, expectation.name))
            if outcome is None:
                found.append(Refusal(suite.stage, expectation.name, expectation.table, "it has not run"))
            elif not outcome[0]:
                found.append(Refusal(suite.stage, expectation.name, expectation.table, outcome[1] or "it failed"))
    return found


def what_blocks(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The blocking checks that failed in the newest run, one line each: rows, masked examples, reason, owner."""
    if not table_exists(connection, "quality", "check_results"):
        return []
    rows = connection.execute(
        f"""
        with newest as (select arg_max(run_id, {_WRITTEN}) as run_id from quality.check_results)
        select concat(
            check_name, ' on ', table_name, ': ', observed,
            case when len(examples) > 0 then concat(' (', array_to_string(examples[:3], '; '), ')') end,
            '. ', why, ' Owner: ', owner
        )
        from quality.check_results semi join newest using (run_id)
        where not passed and severity = 'error'
        order by stage, check_name"""
    ).fetchall()
    return [told for (told,) in rows]


def tally(connection: duckdb.DuckDBPyConnection, suites: Iterable[Suite]) -> tuple[int, int]:
    """How many checks of these suites passed and how many failed, each the last time it ran."""
    latest = _latest(connection)
    names = [(suite.stage, expectation.name) for suite in suites for expectation in suite.expectations]
    passed = [latest[name][0] for name in names if name in latest]
    return sum(passed), len(passed) - sum(passed)


def _latest(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], tuple[bool, str]]:
    """Whether each check, by stage and name, passed the last time it ran, and what it saw."""
    if not table_exists(connection, "quality", "check_results"):
        return {}
    rows = connection.execute(
        f"select stage, check_name, arg_max(passed, {_WRITTEN}), arg_max(coalesce(observed, ''), {_WRITTEN}) "
        "from quality.check_results group by stage, check_name"
    ).fetchall()
    return {(stage, check): (passed, observed) for stage, check, passed, observed in rows}
