"""The warehouse as Dagster sees it: every dbt seed, model and test.

What belongs here: how a dbt node appears, calling dbt and passing on what it says. What does not: SQL (`models/`),
dbt's arguments (`runner.py`), owners and descriptions, which stand in the models' own yml.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from orchestration.as_of import business_day
from orchestration.resources import Warehouse
from orchestration.settings import Settings
from orchestration.valuation.assets import MODELS_READ
from orchestration.warehouse import runner
from orchestration.warehouse.dbt_process import DbtFailedError

_ERROR = dg.AssetCheckSeverity.ERROR
_FAILED_ROWS = "dagster_dbt/failed_row_count"
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
            key=dg.AssetKey([node["schema"], node["alias"]]),
            group_name=node["schema"],
            # dbt's own default appends the compiled SQL, which has a page of its own.
            description=node["description"] or None,
        )


_settings = Settings()
_translator = WarehouseTranslator()
_manifest = json.loads(runner.prepare_manifest(_settings).read_bytes())
# Valuation stands between two builds. Cut here by name: left to itself, Dagster cuts wherever other stages lie
# between, into seven.
_BEFORE_VALUATION = " ".join(f"+{model}" for model in MODELS_READ)


@dbt_assets(
    manifest=_manifest,
    dagster_dbt_translator=_translator,
    name="purchases_for_valuation",
    select=_BEFORE_VALUATION,
)
def models_before_valuation(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
    """Build what valuation reads, and all it is made from, each followed by its tests."""
    yield from _build(context, warehouse)


@dbt_assets(manifest=_manifest, dagster_dbt_translator=_translator, name="warehouse", exclude=_BEFORE_VALUATION)
def models_after_valuation(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
    """Build every other seed and model in dependency order, each followed by its tests."""
    yield from _build(context, warehouse)


def _build(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
    """Run `dbt build` on the selected nodes of one of the two parts."""
    settings = warehouse.settings
    runner.write_rules(settings)
    selected = get_updated_cli_invocation_params_for_context(context, _manifest, _translator)
    # A test over both parts belongs to the second: the first cannot run it, and must not take it from the second.
    indirectly = (selected.indirect_selection or "eager") if context.is_subset else "cautious"
    arguments = [
        *runner.build_arguments(business_day(settings)),
        *selected.selection_args,
        "--indirect-selection",
        indirectly,
    ]
    yield from _with_failed_tests(_as_dagster_events(runner.run_dbt(settings, arguments), context))


class ModelTestsFailedError(Exception):
    """Models were built and their tests failed: a gate, where dbt itself only knows a failed command."""

    def __init__(self, failed: list[dg.AssetCheckResult]) -> None:
        shown = "; ".join(
            f"{check.asset_key.to_user_string() if check.asset_key else 'models'}: {check.check_name}"
            f" ({check.metadata[_FAILED_ROWS].value if _FAILED_ROWS in check.metadata else 'some'} rows)"
            for check in failed[:5]
        )
        more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
        super().__init__(f"{len(failed)} test(s) of the models failed: {shown}{more}")


def _with_failed_tests(events: Iterator[Any]) -> Iterator[Any]:
    """Pass dbt's events on; when nothing but tests failed, end with which and how many rows.

    Raises:
        ModelTestsFailedError: tests failed, and every model could be built.
        DbtFailedError: anything else that stopped dbt.
    """
    failed: list[dg.AssetCheckResult] = []
    try:
        for event in events:
            if isinstance(event, dg.AssetCheckResult) and not event.passed and event.severity == _ERROR:
                failed.append(event)
            yield event
    except DbtFailedError as error:
        if not failed or not error.only_tests:
            raise
        raise ModelTestsFailedError(failed) from None


def _as_dagster_events(events: Iterator[dict[str, Any]], context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Dagster events as dbt goes, each output with the row count its materialisation logged just before."""
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
            if isinstance(dagster_event, dg.Output) and unique_id in counts:
                yield dagster_event.with_metadata({**dagster_event.metadata, "dagster/row_count": counts[unique_id]})
            else:
                yield dagster_event


assets: list[dg.AssetsDefinition] = [models_before_valuation, models_after_valuation]
