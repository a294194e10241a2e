"""The warehouse as Dagster sees it: every dbt seed, model and test.

What belongs here: how a dbt node appears, calling dbt and passing on what it says. What does not: SQL (`models/`),
dbt's arguments (`runner.py`), owners and descriptions, which stand in the models' own yml.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets
from dagster_dbt.asset_utils import get_asset_check_key_for_test, get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from orchestration import increment
from orchestration.as_of import business_day
from orchestration.resources import Warehouse
from orchestration.settings import Settings
from orchestration.valuation.assets import MODELS_READ
from orchestration.warehouse import runner
from orchestration.warehouse.dbt_process import DbtFailedError
from orchestration.warehouse.model_tests import ModelTest, read_tests, run_tests
from orchestration.warehouse.seed_tables import load_seeds

_ERROR = dg.AssetCheckSeverity.ERROR
# Names that dagster-dbt gives to the same.
_FAILED_ROWS = "dagster_dbt/failed_row_count"
_DURATION = "Execution Duration"
_ROW_COUNT = re.compile(r"^row_count (\S+) (\d+)$")


class WarehouseTranslator(DagsterDbtTranslator):
    """Asset key `[schema, table]`, group = schema; a source keeps the key it names in its own yml."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None = None
    ) -> dg.AssetSpec:
        """The spec of one dbt model, seed or source."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if unique_id in manifest["sources"]:
            return spec
        node = manifest["nodes"][unique_id]
        return spec.replace_attributes(
            key=_asset_key(node),
            group_name=node["schema"],
            # dbt's own default appends the compiled SQL, which has a page of its own.
            description=node["description"] or None,
        )


def _asset_key(node: Mapping[str, Any]) -> dg.AssetKey:
    """The key of a model or seed."""
    return dg.AssetKey([node["schema"], node["alias"]])


def _check_key(test: ModelTest) -> dg.AssetCheckKey:
    """The key that Dagster's dbt assets gave to a test."""
    key = get_asset_check_key_for_test(_manifest, _translator, test.unique_id, None)
    if key is None:
        raise ValueError(f"{test.unique_id} belongs to no model, so no check would show it.")
    return key


_settings = Settings()
_translator = WarehouseTranslator()
_manifest = json.loads(runner.prepare_manifest(_settings).read_bytes())
_seeds = {_asset_key(node): node for node in _manifest["nodes"].values() if node["resource_type"] == "seed"}
_tests = {_check_key(test): test for test in read_tests(_manifest)}
# Valuation stands between two builds. Cut here by name: left to itself, Dagster cuts wherever other stages lie
# between, into seven.
_BEFORE_VALUATION = " ".join(f"+{model}" for model in MODELS_READ)


def _after_valuation() -> str:
    """The models and seeds that are not built before, by name: what is excluded would take tests over both along."""
    nodes = {name: node for name, node in _manifest["nodes"].items() if node["resource_type"] in ("model", "seed")}
    before = [name for name, node in nodes.items() if node["name"] in MODELS_READ]
    for name in before:
        before += [
            parent for parent in nodes[name]["depends_on"].get("nodes", []) if parent in nodes and parent not in before
        ]
    return " ".join(node["name"] for name, node in nodes.items() if name not in before)


@dbt_assets(
    manifest=_manifest,
    dagster_dbt_translator=_translator,
    name="purchases_for_valuation",
    select=_BEFORE_VALUATION,
)
def models_before_valuation(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
    """Build what valuation reads, and all it is made from, then run its tests."""
    yield from _build(context, warehouse)


_KEPT = frozenset(
    f"{node['schema']}.{node['alias']}"
    for node in _manifest["nodes"].values()
    if node["config"].get("materialized") == "kept"
)


@dg.asset(
    key=["increment", "customers_due"],
    description="Customers whose months this run builds anew, because their facts changed since they were built; the "
    "months of all others are kept, but for the day of as-of. One row per customer; everybody is due where models, "
    "policies or libraries changed.",
    deps=[dg.AssetKey(["intermediate", model]) for model in ("int_customer_fingerprints", "int_evaluation_days")],
    group_name="increment",
    kinds={"python", "duckdb"},
    owners=["team:data-engineering"],
)
def customers_due(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[Any]:
    """Decide what the models of customers and days must build."""
    with warehouse.connect() as con:
        decided = increment.decide(con, context.run.run_id, increment.recipe(warehouse.settings), _KEPT)
    due = {
        "customers_due": f"{decided.customers_due:,} of {decided.customers:,}",
        "days_due_for_everybody": f"{decided.days_due} of {decided.days}",
    }
    why = {"full_because": decided.nothing_kept} if decided.nothing_kept else {}
    return dg.MaterializeResult(metadata={"dagster/row_count": decided.customers_due, **due, **why})


@dbt_assets(manifest=_manifest, dagster_dbt_translator=_translator, name="warehouse", select=_after_valuation())
def models_after_valuation(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
    """Build every other seed and model in dependency order, then run their tests."""
    yield from _build(context, warehouse)


def _build(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
    """Load the selected seeds of one of the two parts, run its models, then its tests.

    Raises:
        ModelTestsFailedError: tests failed.
        DbtFailedError: a model could not be built, and no test of those that could says why.
    """
    settings = warehouse.settings
    with warehouse.connect() as con:
        runner.write_rules(con, settings)
        seeds = _load_seeds(context, con, settings)
        how = None if context.is_subset else increment.mode(con, context.run.run_id)
        counted_until = increment.counted_until(con) if how == "due" else None
    yield from seeds
    selected = get_updated_cli_invocation_params_for_context(context, _manifest, _translator)
    options = runner.build_arguments(
        business_day(settings), only_models=True, increment=how, counted_until=counted_until
    )
    arguments = [*options, *selected.selection_args]
    built: set[str] = set()
    try:
        yield from _as_dagster_events(runner.run_dbt(settings, arguments), context, built)
    except DbtFailedError as error:
        of_built = {key: test for key, test in _tests.items() if test.reads <= built}
        with warehouse.connect() as con:
            checks = _run_tests(context, con, of_built)
        yield from checks
        _raise_for_failed(checks, error)
        raise
    with warehouse.connect() as con:
        if how:
            increment.finish(con, context.run.run_id)
        checks = _run_tests(context, con, _tests)
    yield from checks
    _raise_for_failed(checks)


def _load_seeds(
    context: dg.AssetExecutionContext, con: duckdb.DuckDBPyConnection, settings: Settings
) -> list[dg.Output[None]]:
    """Load the seeds of this part that are selected."""
    selected = [key for key in _seeds if key in context.selected_asset_keys]
    started = time.perf_counter()
    rows = load_seeds(con, runner.project_dir(settings), [_seeds[key] for key in selected])
    seconds = time.perf_counter() - started
    return [
        dg.Output(
            None,
            output_name=key.to_python_identifier(),
            metadata={
                "unique_id": _seeds[key]["unique_id"],
                "dagster/row_count": rows[_seeds[key]["unique_id"]],
                _DURATION: round(seconds / len(selected), 4),
            },
        )
        for key in selected
    ]


def _run_tests(
    context: dg.AssetExecutionContext, con: duckdb.DuckDBPyConnection, among: Mapping[dg.AssetCheckKey, ModelTest]
) -> list[dg.AssetCheckResult]:
    """Run the selected tests of this part."""
    selected = {key: test for key, test in among.items() if key in context.selected_asset_check_keys}
    return [
        dg.AssetCheckResult(
            passed=found.rows == 0,
            asset_key=key.asset_key,
            check_name=key.name,
            severity=_ERROR if test.is_error else dg.AssetCheckSeverity.WARN,
            metadata={"unique_id": test.unique_id, _FAILED_ROWS: found.rows, _DURATION: round(found.seconds, 4)},
        )
        for (key, test), found in zip(selected.items(), run_tests(con, selected.values()), strict=True)
    ]


def _raise_for_failed(checks: Iterable[dg.AssetCheckResult], cause: DbtFailedError | None = None) -> None:
    """Let failed tests of severity `error` end the step."""
    if failed := [check for check in checks if not check.passed and check.severity == _ERROR]:
        raise ModelTestsFailedError(failed) from cause


class ModelTestsFailedError(Exception):
    """Tests of models failed: a gate, and no fault of the code."""

    def __init__(self, failed: list[dg.AssetCheckResult]) -> None:
        shown = "; ".join(
            f"{check.asset_key.to_user_string() if check.asset_key else 'models'}: {check.check_name}"
            f" ({check.metadata[_FAILED_ROWS].value if _FAILED_ROWS in check.metadata else 'some'} rows)"
            for check in failed[:5]
        )
        more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
        super().__init__(f"{len(failed)} test(s) of the models failed: {shown}{more}")


def _as_dagster_events(
    events: Iterator[dict[str, Any]], context: dg.AssetExecutionContext, built: set[str]
) -> Iterator[Any]:
    """Outputs as dbt goes, each with the row count its materialisation logged just before; models go into `built`."""
    counts: dict[str, int] = {}
    for raw in events:
        found = _ROW_COUNT.match(raw["info"]["msg"])
        if found:
            counts[found.group(1)] = int(found.group(2))
            continue
        event = DbtCoreCliEventMessage(raw_event=raw, event_history_metadata={})
        if not event.is_result_event:
            continue
        unique_id = raw["data"]["node_info"]["unique_id"]
        for dagster_event in event.to_default_asset_events(
            manifest=_manifest, dagster_dbt_translator=_translator, context=context
        ):
            if isinstance(dagster_event, dg.Output):
                built.add(unique_id)
            if isinstance(dagster_event, dg.Output) and unique_id in counts:
                yield dagster_event.with_metadata({**dagster_event.metadata, "dagster/row_count": counts[unique_id]})
            else:
                yield dagster_event


assets: list[dg.AssetsDefinition] = [models_before_valuation, customers_due, models_after_valuation]
