"""Valuation in Dagster: one step between the models that aggregate purchases and those that use the value.

What belongs here: asset keys, dependencies and metadata. What does not: statistics and rules (the other modules).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration import increment
from orchestration.resources import Warehouse

MODELS_READ = ("int_purchase_days_aggregated", "int_evaluation_days", "int_customer_fingerprints")
_READS = [
    *(dg.AssetKey(["intermediate", model]) for model in MODELS_READ),
    dg.AssetKey(["increment", "customers_due"]),
    dg.AssetKey(["policy", "value_model"]),
]
_TABLES = {
    "customer_values": "Purchases and revenue expected of each buyer, by fits on purchases up to each day. "
    "One row per customer and day of evaluation, from the first purchase.",
    "fits": "Parameters of BG/NBD and Gamma-Gamma, how the search ended, the back-test and the method chosen. "
    "One row per day of evaluation with a buyer.",
    "backtests": "Purchases and spend foretold and seen in the holdout, by group of customers. "
    "One row per day of evaluation, grouping and group.",
}
_SHOWN = ("buyers", "repeat_buyers", "method", "method_reason", "verdict", "mae", "baseline_mae", "log_likelihood")


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["valuation", table],
            description=description,
            deps=_READS,
            group_name="valuation",
            kinds={"python", "duckdb"},
            owners=["team:data-engineering"],
        )
        for table, description in _TABLES.items()
    ]
)
def valuation(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult[Any]]:
    """Fit the models for each day of evaluation and value every buyer."""
    # Imported where it runs: SciPy takes half a second, which every start of a run or of the UI would pay.
    from orchestration.valuation.values import make_values

    with warehouse.connect() as connection:
        decided = increment.mode(connection, context.run.run_id)
        if decided is None:
            increment.mark_built_by_hand(connection, "valuation")
        report = make_values(connection, warehouse.settings.policy_dir, keeps=decided == "due")
        schemas = {table: connection.execute(f"describe valuation.{table}").fetchall() for table in _TABLES}
        counts = {
            table: connection.execute(f"select count(*) from valuation.{table}").fetchall()[0][0] for table in _TABLES
        }
    said = {
        "customer_values": {
            "days_due": f"{report.days_due} of {report.days}",
            "days_due_for_everybody": f"{report.days_for_everybody} of {report.days}",
        },
        "fits": {name: report.last_fit[name] for name in _SHOWN if report.last_fit.get(name) is not None},
    }
    for table, columns in schemas.items():
        yield dg.MaterializeResult(
            asset_key=["valuation", table],
            metadata={
                "dagster/row_count": int(counts[table]),
                "dagster/column_schema": dg.TableSchema([dg.TableColumn(c[0], str(c[1]).lower()) for c in columns]),
                **said.get(table, {}),
            },
        )


assets: list[dg.AssetsDefinition] = [valuation]
