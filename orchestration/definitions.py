"""What Dagster loads: the stages, left to right, and what starts them."""

import dagster as dg

from orchestration.cleaning.assets import assets as cleaning
from orchestration.gates.checks import checks as gates
from orchestration.identity.assets import assets as identity
from orchestration.ingestion.assets import assets as ingestion
from orchestration.jobs import jobs, loggers
from orchestration.publication.assets import assets as publication
from orchestration.resources import Warehouse
from orchestration.schedules import schedules
from orchestration.sensors import sensors
from orchestration.warehouse.assets import assets as warehouse

defs = dg.Definitions(
    assets=[*ingestion, *cleaning, *identity, *warehouse, *publication],
    asset_checks=[*gates],
    jobs=jobs,
    schedules=schedules,
    sensors=sensors,
    resources={"warehouse": Warehouse()},
    loggers=loggers,
    executor=dg.in_process_executor,
)
