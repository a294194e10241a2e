"""Publication in Dagster: one asset, the version that readers see, with the checks on the file as built."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import dagster as dg

from data_quality.results import CheckResult
from data_quality.suite import Suite, load_suites
from orchestration.as_of import business_day
from orchestration.cleaning.assets import assets as cleaning
from orchestration.fingerprint import input_fingerprint
from orchestration.gates.checks import balances_table, check_outcome, check_specs
from orchestration.gates.gate import hop_summaries, report_file
from orchestration.identity.assets import assets as identity
from orchestration.publication.publish import AUDIT, publish
from orchestration.resources import Warehouse, tag_run
from orchestration.warehouse.assets import assets as warehouse_models

_PUBLISHED_SCHEMAS = ("marts", "identity", "quality")


def upstream_keys(definitions: Iterable[Any]) -> list[dg.AssetKey]:
    """Every asset whose table goes out, so that a failed step or gate before any of them stops publication."""
    keys = {key for d in definitions if isinstance(d, dg.AssetsDefinition) for key in d.keys}
    return sorted((k for k in keys if k.path[0] in _PUBLISHED_SCHEMAS), key=lambda k: tuple(k.path))


@dg.asset(
    key=["serving", "published_version"],
    group_name="serving",
    kinds={"python", "duckdb"},
    owners=["team:data-engineering"],
    deps=[
        *upstream_keys([*cleaning, *identity, *warehouse_models]),
        dg.AssetKey(["policy", "publication"]),
        dg.AssetKey(["policy", "personal_data_patterns"]),
    ],
    check_specs=check_specs(load_suites()[AUDIT]),
)
def published_version(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """The DuckDB file behind `serving/current`: built aside, checked as built, switched at once.

    Holds every mart, the crosswalk with its links and history, and the delivery, quarantine and check records; no
    unmasked personal data. When a blocking check failed, here or before, readers keep the version they have.

    Grain: published version.
    """
    started = time.perf_counter()
    settings = warehouse.settings
    outcomes: list[dg.AssetCheckResult] = []

    def remember(suite: Suite, results: Sequence[CheckResult]) -> None:
        outcomes.extend(check_outcome(suite, result, report_file(settings)) for result in results)

    try:
        version = publish(
            settings,
            as_of=business_day(settings),
            run_id=context.run.run_id,
            fingerprint=input_fingerprint(settings),
            on_audit=remember,
        )
    except BaseException:
        # The UI shows what the checks found also when they stopped the publication.
        yield from outcomes
        raise
    manifest = version.manifest
    tag_run(context, as_of=manifest.as_of.isoformat(), version=version.id)
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(manifest.rows.values()),
            "version": version.id,
            "path": dg.MetadataValue.path(str(version.file)),
            "as_of": manifest.as_of.isoformat(),
            "bytes": manifest.bytes,
            "sha256": manifest.sha256,
            "rows": dg.MetadataValue.json(manifest.rows),
            "rows_written": dg.MetadataValue.json(manifest.making.rows_written if manifest.making else {}),
            "quality_report": dg.MetadataValue.path(str(version.report)),
            "conservation": dg.MetadataValue.md(balances_table(hop_summaries(settings))),
            "seconds": round(time.perf_counter() - started, 2),
        },
        check_results=outcomes,
    )


assets = (published_version,)
