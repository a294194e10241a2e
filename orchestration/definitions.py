"""What Dagster loads: the stages, left to right, and what starts them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration.assets import assets as rule_files
from orchestration.cleaning.assets import assets as cleaning
from orchestration.dashboard.assets import assets as dashboard
from orchestration.freshness import load_windows
from orchestration.gates.checks import checks as gates
from orchestration.identity.assets import assets as identity
from orchestration.ingestion.assets import assets as ingestion
from orchestration.jobs import jobs, loggers
from orchestration.publication.assets import assets as publication
from orchestration.resources import Warehouse
from orchestration.schedules import schedules
from orchestration.sensors import sensors
from orchestration.settings import Settings
from orchestration.valuation.assets import assets as valuation
from orchestration.warehouse.assets import assets as warehouse

_settings = Settings()
_fresh_within = load_windows(
    _settings.policy_dir / "freshness.csv", on=datetime.now(ZoneInfo(_settings.timezone)).date()
)


def _watched(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The spec with the freshness its group owes."""
    window = _fresh_within.get(spec.group_name or "")
    if window is None:
        return spec
    policy = dg.FreshnessPolicy.time_window(fail_window=window.fail_after, warn_window=window.warn_after)
    return spec.replace_attributes(freshness_policy=policy)


defs = dg.Definitions(
    assets=dg.map_asset_specs(
        _watched, [*rule_files, *ingestion, *cleaning, *identity, *valuation, *warehouse, *publication, *dashboard]
    ),
    asset_checks=[*gates],
    jobs=jobs,
    schedules=schedules,
    sensors=sensors,
    resources={"warehouse": Warehouse()},
    loggers=loggers,
    executor=dg.in_process_executor,
)
