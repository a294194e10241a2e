"""The gates in Dagster: one suite, one multi-asset check; blocking where its severity is error."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from data_quality.results import CheckResult
from data_quality.suite import Expectation, Suite, load_suites
from orchestration.as_of import business_day
from orchestration.gates.gate import check_stage
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


def check_outcome(suite: Suite, result: CheckResult) -> dg.AssetCheckResult:
    """What the UI shows of one result: counts, masked keys, the reason and who is asked."""
    metadata: dict[str, Any] = {
        "table": result.table,
        "rows_failing": result.unexpected_rows,
        "observed": result.observed,
        "why": result.why,
        "owner": result.owner,
        "seconds": result.seconds,
    }
    if result.examples:
        metadata["examples_masked"] = dg.MetadataValue.md("\n".join(f"- `{e}`" for e in result.examples))
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(suite.asset),
        check_name=result.check,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR if result.severity == "error" else dg.AssetCheckSeverity.WARN,
        description=None if result.passed else f"{result.table}: {result.observed}. {result.why}",
        metadata=metadata,
    )


def _description(expectation: Expectation) -> str:
    return f"{expectation.why} ({expectation.table})"


def _gate(suite: Suite) -> dg.AssetChecksDefinition:
    """Build the multi-asset check of one suite."""

    @dg.multi_asset_check(name=f"{suite.stage}_gate", specs=check_specs(suite), description=suite.description)
    def gate(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        settings = warehouse.settings
        for result in check_stage(settings, suite, context.run.run_id, as_of=business_day(settings)):
            yield check_outcome(suite, result)

    return gate


checks = tuple(_gate(suite) for stage, suite in load_suites().items() if stage in STAGES)
