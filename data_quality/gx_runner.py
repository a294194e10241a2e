"""Runs a suite with Great Expectations, pushed down into DuckDB as SQL.

What belongs here: the adapter between a suite file and Great Expectations. What does not: what is expected
(`suites/`), where results are kept (`orchestration/gates`). Great Expectations takes seconds to
import, so only the functions that run it import it.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from data_quality.gx_import import import_great_expectations
from data_quality.personal_data import declared_sql, repeating_columns_sql, scan_sql
from data_quality.results import CheckResult, mask
from data_quality.suite import Expectation, Suite, personal_columns

EXAMPLES = 5
_LARGE = 50_000  # rows of a table from which on a look at its columns is worth it


def run_suite(
    database: Path, suite: Suite, config: dict[str, Any] | None = None, *, as_of: date | None = None
) -> list[CheckResult]:
    """Check every expectation of a suite against a DuckDB file that nobody is writing to.

    Args:
        database: The file; it is opened read-only and closed again.
        suite: What to expect.
        config: DuckDB settings (`threads`, `memory_limit`, `temp_directory` …).
        as_of: What `{as_of}` in a suite's SQL stands for.

    Returns:
        One result per expectation, in the order of the suite. An expectation whose table is missing or whose SQL
        cannot run has failed: a check that did not run proves nothing.
    """
    import sqlalchemy as sa

    from data_quality.duckdb_engine import engine_arguments

    url, arguments = engine_arguments(database, dict(config or {}))
    engine = sa.create_engine(url, **arguments)
    results: dict[str, CheckResult] = {}
    # One connection stays open for the length of the suite: with it every further one finds the file loaded.
    with engine.connect() as anchor:
        columns = [
            (str(r[0]), str(r[1]), str(r[2]), str(r[3]))
            for r in anchor.exec_driver_sql(
                "select schema_name, table_name, column_name, data_type from duckdb_columns() "
                "where database_name = current_database() and not internal "
                "order by schema_name, table_name, column_index"
            )
        ]
        tables = {f"{schema}.{table}" for schema, table, _, _ in columns}
        views = {
            (str(r[0]), str(r[1]))
            for r in anchor.exec_driver_sql(
                "select schema_name, view_name from duckdb_views() where database_name = current_database()"
            )
        }
        by_table: dict[str, list[Expectation]] = {}
        for expectation in suite.expectations:
            if expectation.table in tables:
                by_table.setdefault(expectation.table, []).append(expectation)
            else:
                results[expectation.name] = _result(suite, expectation, -1, f"the table {expectation.table} is missing")
        repeating = _repeating_columns(anchor, suite, columns)
        if by_table:
            source = _data_source(url, arguments)
            for table, expectations in by_table.items():
                started = time.perf_counter()
                found = _validate(source, table, suite, expectations, columns, views, repeating, as_of)
                share = (time.perf_counter() - started) / len(expectations)
                results.update({r.check: _with_seconds(r, share) for r in found})
    engine.dispose()
    return [results[e.name] for e in suite.expectations]


def _data_source(url: str, arguments: dict[str, Any]) -> Any:
    gx = import_great_expectations()
    context: Any = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context.data_sources.add_sql("warehouse", connection_string=url, kwargs=arguments)


def _repeating_columns(
    anchor: Any, suite: Suite, columns: Sequence[tuple[str, str, str, str]]
) -> set[tuple[str, str, str]]:
    """Columns of large tables whose distinct values are few, where the suite scans at all."""
    if all(expectation.type != "no_personal_data" for expectation in suite.expectations):
        return set()
    large = {
        (str(r[0]), str(r[1]))
        for r in anchor.exec_driver_sql(
            "select schema_name, table_name from duckdb_tables() "
            f"where database_name = current_database() and estimated_size >= {_LARGE}"
        )
    }
    sql = repeating_columns_sql([c for c in columns if (c[0], c[1]) in large])
    return {(str(r[0]), str(r[1]), str(r[2])) for r in anchor.exec_driver_sql(sql)} if sql else set()


def _validate(
    source: Any,
    table: str,
    suite: Suite,
    expectations: Sequence[Expectation],
    columns: Sequence[tuple[str, str, str, str]],
    views: set[tuple[str, str]],
    repeating: set[tuple[str, str, str]],
    as_of: date | None,
) -> list[CheckResult]:
    """Validate the expectations of one table in one pass of Great Expectations."""
    import great_expectations as gx

    schema, name = table.split(".")
    batch = source.add_table_asset(table, table_name=name, schema_name=schema).add_batch_definition_whole_table("all")
    found: list[CheckResult] = []
    built: dict[str, tuple[Expectation, Any]] = {}
    for expectation in expectations:
        native = _native(expectation, columns, views, repeating, as_of)
        if native is None:
            found.append(_result(suite, expectation, 0, "no column to scan"))
        else:
            built[expectation.name] = (expectation, native)
    # Each `key` asks for its own examples, so expectations are validated in groups of one key.
    for key in {tuple(e.key) for e, _ in built.values()}:
        group = gx.ExpectationSuite(
            name=f"{suite.stage}.{table}", expectations=[n for e, n in built.values() if tuple(e.key) == key]
        )
        report = batch.get_batch().validate(
            group,
            result_format={
                "result_format": "SUMMARY",
                "partial_unexpected_count": EXAMPLES,
                **({"unexpected_index_column_names": list(key)} if key else {}),
            },
        )
        for outcome in report.results:
            expectation = built[outcome.expectation_config.meta["name"]][0]
            found.append(_read_outcome(suite, expectation, outcome))
    return found


def _native(
    expectation: Expectation,
    columns: Sequence[tuple[str, str, str, str]],
    views: set[tuple[str, str]],
    repeating: set[tuple[str, str, str]],
    as_of: date | None,
) -> Any | None:
    """Build the Great Expectations object, or None where a scan has nothing to look at."""
    import great_expectations.expectations as gxe

    from data_quality.gx_expectations import RowsThatBreakTheRule

    common: dict[str, Any] = {
        "severity": "critical" if expectation.severity == "error" else "warning",
        "meta": {"name": expectation.name},
    }
    if expectation.type == "unexpected_rows":
        return RowsThatBreakTheRule(unexpected_rows_query=_example_sql(expectation, as_of), **common)
    if expectation.type == "no_personal_data":
        schemas = set(expectation.arguments["schemas"])
        within = [c for c in columns if c[0] in schemas]
        if expectation.arguments["columns"] == "declared":
            sql = declared_sql(within, personal_columns())
        else:
            # A view holds nothing of its own, and in its sentences a number of an order would pass for a phone.
            stored = [c for c in within if (c[0], c[1]) not in views]
            sql = scan_sql(stored, expectation.arguments["columns"], repeating)
        if sql is None:
            return None
        return RowsThatBreakTheRule(unexpected_rows_query=_summary_sql(sql), **common)
    class_name = "".join(part.capitalize() for part in expectation.type.split("_"))
    return getattr(gxe, class_name)(**expectation.arguments, **common)


# Great Expectations prints a remark about every query that does not name its batch. It renders the batch as a subquery
# with an alias of its own, where a rule wants to give the alias; so the batch stands in a comment.
_BATCH = "/* {batch} */"


def _example_sql(expectation: Expectation, as_of: date | None) -> str:
    """Wrap the suite's SQL: the number of rows it finds and a few keys, whatever it finds."""
    table = ".".join(f'"{part}"' for part in expectation.table.split("."))
    day = f"date '{as_of.isoformat()}'" if as_of else "cast(null as date)"
    written = str(expectation.arguments["sql"]).strip().rstrip(";")
    sql = _escaped(written.replace("{table}", table).replace("{as_of}", day))
    keys = ", ".join(f'"{k}"' for k in expectation.key)
    return (
        f"{_BATCH} with unexpected as materialized ({sql}) "
        f"select (select count(*) from unexpected) as _unexpected_total, {keys} from unexpected limit {EXAMPLES}"
    )


def _summary_sql(scan: str) -> str:
    """Wrap a scan: the number of values it finds and the columns that hold them."""
    return (
        f"{_BATCH} with unexpected as materialized ({_escaped(scan)}) "
        "select (select cast(sum(row_count) as bigint) from unexpected) as _unexpected_total, "
        "table_name || '.' || column_name as \"column\", kind, row_count as row_count "
        "from unexpected order by row_count desc limit 20"
    )


def _escaped(sql: str) -> str:
    """Protect what two layers of templating would take for themselves: braces (`str.format`) and `:name` (binds)."""
    return re.sub(r"(?<!:):(?=\w)", r"\\:", sql).replace("{", "{{").replace("}", "}}")


def _read_outcome(suite: Suite, expectation: Expectation, outcome: Any) -> CheckResult:
    """Turn one Great Expectations result into ours, with nothing in it but counts and masked keys."""
    broken = _exception_message(outcome.exception_info)
    if broken:
        return _result(suite, expectation, -1, f"the check could not run: {mask(broken)}")
    if outcome.success:
        observed = outcome.result.get("observed_value")
        return _result(suite, expectation, 0, "" if observed is None else str(observed), passed=True)
    details = outcome.result
    unexpected = details.get("unexpected_count")
    if unexpected is None:
        observed = details.get("observed_value")
        return _result(
            suite, expectation, 1, str(observed) if isinstance(observed, int | float) else mask(str(observed))
        )
    examples = [_example(expectation, row) for row in details.get("partial_unexpected_index_list") or []]
    rows = f"{unexpected} row{'' if unexpected == 1 else 's'}"
    total = details.get("element_count")
    return _result(suite, expectation, int(unexpected), f"{rows} of {total}" if total else rows, examples=examples)


def _example(expectation: Expectation, row: dict[str, Any]) -> str:
    """One row that breaks the rule, by its key alone; a scan names column, kind and count instead."""
    if expectation.type == "no_personal_data":
        return f"{row['column']}: {row['row_count']} × {row['kind']}"
    return ", ".join(f"{k}={mask(str(row[k]))}" for k in expectation.key if k in row)


def _exception_message(info: dict[str, Any] | None) -> str | None:
    """First line of whatever was raised while a check ran; Great Expectations nests it per metric."""
    if not info:
        return None
    if "raised_exception" in info:
        return str(info["exception_message"]).splitlines()[0] if info["raised_exception"] else None
    for nested in info.values():
        message = _exception_message(nested) if isinstance(nested, dict) else None
        if message:
            return message
    return None


def _result(
    suite: Suite,
    expectation: Expectation,
    unexpected_rows: int,
    observed: str,
    *,
    passed: bool | None = None,
    examples: list[str] | None = None,
) -> CheckResult:
    return CheckResult(
        check=expectation.name,
        table=expectation.table,
        severity=expectation.severity,
        passed=unexpected_rows == 0 if passed is None else passed,
        unexpected_rows=unexpected_rows,
        observed=observed[:500],
        examples=examples or [],
        owner=suite.owner_of(expectation),
        why=expectation.why,
    )


def _with_seconds(result: CheckResult, seconds: float) -> CheckResult:
    return replace(result, seconds=round(seconds, 4))
