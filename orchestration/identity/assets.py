"""Identity in Dagster: four steps as assets, with the counts and rates worth a graph.

What belongs here: asset keys, dependencies and metadata. What does not: any rule (the other modules).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.identity.resolve import (
    make_customer_ids,
    make_customers,
    make_households,
    make_links,
    make_records,
)
from orchestration.resources import Warehouse

_DATASETS = (
    "pos_members",
    "pos_sales",
    "ecommerce_customers",
    "ecommerce_orders",
    "ecommerce_events",
    "call_center_cases",
    "call_center_surveys",
    "call_center_outreach",
)
_DICTIONARIES = ("names", "phones", "emails", "addresses")
_COMPARED = [
    dg.AssetKey(["identity", "records"]),
    *(
        dg.AssetKey(["policy", name])
        for name in ("identity_rules", "blocking_rules", "comparison_levels", "identity_limits", "match_priors")
    ),
]
_COMMON: dict[str, Any] = {"group_name": "identity", "kinds": {"python", "duckdb"}, "owners": ["team:data-engineering"]}


def _metadata(report: dict[str, Any], rows: int | None = None) -> dict[str, Any]:
    """Turn a step's report into Dagster metadata; nested counts become JSON."""
    metadata: dict[str, Any] = {k: dg.MetadataValue.json(v) if isinstance(v, dict) else v for k, v in report.items()}
    if rows is not None:
        metadata["dagster/row_count"] = rows
    return metadata


def _columns(connection: Any, table: str) -> dg.TableSchema:
    rows = connection.execute(f"describe identity.{table}").fetchall()
    return dg.TableSchema(columns=[dg.TableColumn(name=r[0], type=str(r[1]).lower()) for r in rows])


def _rows(connection: Any, table: str) -> int:
    return int(connection.execute(f"select count(*) from identity.{table}").fetchone()[0])


@dg.asset(
    key=["identity", "records"],
    deps=[
        *(dg.AssetKey(["clean", name]) for name in (*_DATASETS, *_DICTIONARIES)),
        dg.AssetKey(["policy", "blocked_identifiers"]),
        dg.AssetKey(["policy", "source_trust"]),
        dg.AssetKey(["reference", "given_name_variants"]),
    ],
    group_name="identity",
    kinds={"python", "duckdb"},
    owners=["team:data-engineering"],
)
def identity_records(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """What the sources say about people, cleaned and gathered. One row per member, account or distinct mention."""
    with warehouse.connect() as connection:
        report = make_records(connection, warehouse.settings)
        schema = _columns(connection, "records")
    return dg.MaterializeResult(metadata={**_metadata(report, report["records"]), "dagster/column_schema": schema})


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["identity", "links"],
            deps=_COMPARED,
            description="Why records are one person: rule or score, with evidence by field. One row per linked pair.",
            **_COMMON,
        ),
        dg.AssetSpec(
            ["identity", "review_queue"],
            deps=_COMPARED,
            description="Pairs that speak for one person and were not joined. One row per pair in the grey zone.",
            **_COMMON,
        ),
        dg.AssetSpec(
            ["identity", "decisions"],
            deps=[dg.AssetKey(["identity", "records"])],
            description="What reviewers decided about pairs of records, and whether it binds. One row per decision.",
            **_COMMON,
        ),
        dg.AssetSpec(
            ["identity", "learned_blocks"],
            deps=_COMPARED,
            description=(
                "Numbers, mailboxes, addresses and other values that so many people share that they link nobody; "
                "masked, and never published. One row per value."
            ),
            **_COMMON,
        ),
    ],
)
def identity_links(warehouse: Warehouse) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Compare records, join them into clusters and queue what a person should look at."""
    with warehouse.connect() as connection:
        report = make_links(connection, warehouse.settings)
        rows = {t: _rows(connection, t) for t in ("links", "review_queue", "decisions", "learned_blocks")}
        schemas = {t: _columns(connection, t) for t in rows}
    yield dg.MaterializeResult(
        asset_key=["identity", "links"],
        metadata={**_metadata(report, rows["links"]), "dagster/column_schema": schemas["links"]},
    )
    yield dg.MaterializeResult(
        asset_key=["identity", "review_queue"],
        metadata={"dagster/row_count": rows["review_queue"], "dagster/column_schema": schemas["review_queue"]},
    )
    yield dg.MaterializeResult(
        asset_key=["identity", "learned_blocks"],
        metadata={
            **{f"blocked_{kind}": count for kind, count in report["learned_blocks"].items()},
            "dagster/row_count": rows["learned_blocks"],
            "dagster/column_schema": schemas["learned_blocks"],
        },
    )
    yield dg.MaterializeResult(
        asset_key=["identity", "decisions"],
        metadata={
            **{f"decisions_{status}": count for status, count in report["decisions"].items()},
            "dagster/row_count": rows["decisions"],
            "dagster/column_schema": schemas["decisions"],
        },
    )


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["identity", "customer_xref"],
            deps=[dg.AssetKey(["identity", "links"])],
            description="Which customer a source record belongs to, and by which rule. One row per source record.",
            **_COMMON,
        ),
        dg.AssetSpec(
            ["identity", "id_history"],
            deps=[dg.AssetKey(["identity", "links"])],
            description="What became of customer ids, when and why. One row per merge or split.",
            **_COMMON,
        ),
        dg.AssetSpec(
            ["identity", "id_redirects"],
            deps=[dg.AssetKey(["identity", "links"])],
            description="Where an id leads that is no customer now. One row per id ever given that is gone.",
            **_COMMON,
        ),
        dg.AssetSpec(
            ["identity", "id_stability"],
            deps=[dg.AssetKey(["identity", "links"])],
            description="How many ids the last run changed and how many it may. One row.",
            **_COMMON,
        ),
    ],
)
def identity_customer_xref(warehouse: Warehouse) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Give clusters the ids they had before, or new ones, and write down every change."""
    with warehouse.connect() as connection:
        report = make_customer_ids(connection, warehouse.settings)
        others = {t: _rows(connection, t) for t in ("id_history", "id_redirects", "id_stability")}
        schemas = {t: _columns(connection, t) for t in ("customer_xref", *others)}
    share = round(report["unlinked"] / report["records"], 6) if report["records"] else 0.0
    yield dg.MaterializeResult(
        asset_key=["identity", "customer_xref"],
        metadata={
            **_metadata(report, report["records"]),
            "unlinked_share": share,
            "dagster/column_schema": schemas["customer_xref"],
        },
    )
    for table, rows in others.items():
        figures = {k: report[k] for k in ("ids_before", "ids_changed", "changed_id_share", "held")}
        yield dg.MaterializeResult(
            asset_key=["identity", table],
            metadata={
                **(figures if table == "id_stability" else {}),
                "dagster/row_count": rows,
                "dagster/column_schema": schemas[table],
            },
        )


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["identity", "customers"],
            deps=[
                dg.AssetKey(["identity", "customer_xref"]),
                dg.AssetKey(["policy", "survivorship"]),
                dg.AssetKey(["policy", "source_trust"]),
            ],
            description=(
                "The golden record, unmasked and never published: the surviving value of each field. "
                "One row per customer."
            ),
            **_COMMON,
        ),
        dg.AssetSpec(
            ["identity", "golden_values"],
            deps=[dg.AssetKey(["identity", "customer_xref"])],
            description=(
                "What the records of a customer say, which value survives, from which record and by which strategy; "
                "unmasked and never published. One row per customer, field and distinct value."
            ),
            **_COMMON,
        ),
        # In one step with the golden record: the gate on customers reads both, and what needs customers waits for it.
        dg.AssetSpec(
            ["identity", "households"],
            deps=[dg.AssetKey(["identity", "customer_xref"]), dg.AssetKey(["policy", "household_rules"])],
            description=(
                "Who shares a home with whom, and by what; it never joins customers. "
                "One row per customer of a household."
            ),
            **_COMMON,
        ),
    ],
)
def identity_customers(warehouse: Warehouse) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Let for each customer and field one value survive, and find who shares a home."""
    with warehouse.connect() as connection:
        report = make_customers(connection, warehouse.settings)
        households = make_households(connection, warehouse.settings)
        values = _rows(connection, "golden_values")
        schemas = {t: _columns(connection, t) for t in ("customers", "golden_values", "households")}
    yield dg.MaterializeResult(
        asset_key=["identity", "customers"],
        metadata={**_metadata(report, report["customers"]), "dagster/column_schema": schemas["customers"]},
    )
    yield dg.MaterializeResult(
        asset_key=["identity", "golden_values"],
        metadata={"dagster/row_count": values, "dagster/column_schema": schemas["golden_values"]},
    )
    yield dg.MaterializeResult(
        asset_key=["identity", "households"],
        metadata={**_metadata(households, households["members"]), "dagster/column_schema": schemas["households"]},
    )


assets = (identity_records, identity_links, identity_customer_xref, identity_customers)
"""Every asset of this room."""
