"""The gates in Dagster: one suite, one multi-asset check; blocking where its severity is error."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from data_quality.results import CheckResult
from data_quality.suite import Expectation, Suite, load_suites
from orchestration.as_of import business_day
from orchestration.gates import conservation
from orchestration.gates.conservation import HopSummary
from orchestration.gates.gate import check_stage, hop_summaries, report_file
from orchestration.resources import Warehouse

STAGES = ("raw", "clean", "identity", "marts")


def check_specs(suite: Suite) -> list[dg.AssetCheckSpec]:
    """One spec per expectation, all on the suite's asset: what depends on it waits for every one."""
    return [
        dg.AssetCheckSpec(
            expectation.name,
            asset=dg.AssetKey(suite.asset),
            description=_description(expectation),
            blocking=expectation.severity == "error",
            additional_deps=[dg.AssetKey(key) for key in suite.after],
            metadata={"table": expectation.table, "owner": suite.owner_of(expectation), "why": expectation.why},
        )
        for expectation in suite.expectations
    ]


def check_outcome(
    suite: Suite, result: CheckResult, report: Path, balances: Sequence[HopSummary] = ()
) -> dg.AssetCheckResult:
    """What the UI shows of one result: counts, masked keys, the reason, who is asked, and the page of the whole run.

    `balances` are shown with the checks on what is conserved.
    """
    metadata: dict[str, Any] = {
        "table": result.table,
        "rows_failing": result.unexpected_rows,
        "observed": result.observed,
        "why": result.why,
        "owner": result.owner,
        "seconds": result.seconds,
        "quality_report": dg.MetadataValue.path(str(report)),
    }
    if result.examples:
        metadata["examples_masked"] = dg.MetadataValue.md("\n".join(f"- `{e}`" for e in result.examples))
    if result.table == conservation.TABLE:
        metadata["balances"] = dg.MetadataValue.md(balances_table(balances))
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(suite.asset),
        check_name=result.check,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR if result.severity == "error" else dg.AssetCheckSeverity.WARN,
        description=None if result.passed else f"{result.table}: {result.observed}. {result.why}",
        metadata=metadata,
    )


def balances_table(balances: Iterable[HopSummary]) -> str:
    """The hops as a table in Markdown: how many balances were counted, and how many do not balance."""
    rows = [f"| {b.hop} | {b.balances} | {b.unbalanced} |" for b in balances]
    return "\n".join(["| hop | balances | not balanced |", "| --- | ---: | ---: |", *rows])


def _description(expectation: Expectation) -> str:
    return f"{expectation.why} ({expectation.table})"


def _gate(suite: Suite) -> dg.AssetChecksDefinition:
    """Build the multi-asset check of one suite."""

    @dg.multi_asset_check(name=f"{suite.stage}_gate", specs=check_specs(suite), description=suite.description)
    def gate(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        settings = warehouse.settings
        results = check_stage(settings, suite, context.run.run_id, as_of=business_day(settings))
        counted = any(result.table == conservation.TABLE for result in results)
        balances = hop_summaries(settings) if counted else []
        for result in results:
            yield check_outcome(suite, result, report_file(settings), balances)

    return gate


checks = tuple(_gate(suite) for stage, suite in load_suites().items() if stage in STAGES)
