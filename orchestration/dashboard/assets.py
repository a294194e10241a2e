"""The dashboard in Dagster: one asset, the HTML file beside the version that readers see."""

import time

import dagster as dg

from orchestration.dashboard.write import write_dashboard
from orchestration.publication.versions import current_version
from orchestration.resources import Warehouse


@dg.asset(
    key=["serving", "dashboard"],
    group_name="serving",
    kinds={"python", "altair"},
    owners=["team:data-engineering"],
    deps=[dg.AssetKey(["serving", "published_version"]), dg.AssetKey(["reference", "dashboard_strings"])],
)
def dashboard(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """The customer health dashboard: one HTML file that opens by double click, at `serving/current/dashboard.html`.

    Built from aggregates of the published file only; each version keeps its own. Needs no server and no network.

    Grain: published version.
    """
    started = time.perf_counter()
    settings = warehouse.settings
    version = current_version(settings)
    if version is None:
        raise RuntimeError("The publication succeeded but nothing is published.")
    made = write_dashboard(settings, version)
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(made.path)),
            "version": version.id,
            "bytes": made.bytes,
            "panels": made.panels,
            "kpis_red": made.kpis_red,
            "seconds": round(time.perf_counter() - started, 2),
        }
    )


assets = (dashboard,)
