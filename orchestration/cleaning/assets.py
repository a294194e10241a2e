"""The Dagster face of cleaning: clean tables, value dictionaries, and the account of the deliveries.

What belongs here: keys, descriptions, metadata. What does not: any rule; those are in the modules beside this one.
"""

import time
from collections.abc import Callable, Iterator, Sequence

import dagster as dg
import duckdb

from data_quality.contract import Contract, load_contracts
from orchestration.as_of import business_day
from orchestration.cleaning import (
    dictionaries,
    doubtful_values,
    drift,
    drift_policy,
    ledger,
    quarantine,
    scorecard,
    scorecard_policy,
)
from orchestration.cleaning.tables import clean_table
from orchestration.database import identifier
from orchestration.resources import Warehouse
from orchestration.settings import Settings

_OWNERS = ["team:data-engineering"]
_KINDS = {"python", "duckdb"}
_CONTRACTS = load_contracts()
_CLEAN_TABLES = [dg.AssetKey(["clean", table]) for table in _CONTRACTS]
_RAW_FILES = dg.AssetKey(["raw", "files"])


def _table_metadata(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, dg.MetadataValue]:
    """Row count and columns of a table, as Dagster shows them."""
    name = f"{schema}.{identifier(table)}"
    counted = con.execute(f"select count(*) from {name}").fetchone()
    columns = con.execute(f"describe {name}").fetchall()
    return {
        "dagster/row_count": dg.MetadataValue.int(counted[0] if counted else 0),
        "dagster/column_schema": dg.MetadataValue.table_schema(
            dg.TableSchema(columns=[dg.TableColumn(name=column[0], type=column[1]) for column in columns])
        ),
    }


def _rate(part: int, whole: int) -> dg.MetadataValue:
    return dg.MetadataValue.float(round(part / whole, 6) if whole else 0.0)


def _clean_asset(contract: Contract) -> dg.AssetsDefinition:
    @dg.asset(
        key=["clean", contract.table],
        deps=[dg.AssetKey(["raw", contract.table]), _RAW_FILES, dg.AssetKey(["policy", "null_tokens"])],
        group_name="clean",
        kinds=_KINDS,
        owners=_OWNERS,
        description=(
            f"{contract.description} Typed by the contract; bad rows are set aside, and of several rows "
            f"with one key the newest delivery wins. Grain: {contract.grain}."
        ),
    )
    def clean(warehouse: Warehouse) -> dg.MaterializeResult[None]:
        started = time.monotonic()
        with warehouse.connect() as con:
            counts = clean_table(con, warehouse.settings, contract)
            metadata = _table_metadata(con, "clean", contract.table)
        return dg.MaterializeResult(
            metadata={
                **metadata,
                "rows_received": counts.received,
                "rows_superseded": counts.superseded,
                "rows_repeated": counts.repeated,
                "rows_quarantined": counts.quarantined,
                "deliveries_due": counts.deliveries_due,
                "rows_due": counts.rows_due,
                "keys_due": counts.keys_due,
                "full_because": counts.full_because,
                "quarantine_rate": _rate(counts.quarantined, counts.received),
                "seconds": round(time.monotonic() - started, 2),
            }
        )

    return clean


def _dictionary_asset(
    name: str,
    column_type: str,
    description: str,
    build: Callable[[duckdb.DuckDBPyConnection, Settings], int],
    *,
    policies: Sequence[str] = (),
    references: Sequence[str] = (),
) -> dg.AssetsDefinition:
    @dg.asset(
        key=["clean", name],
        deps=[
            *(
                dg.AssetKey(["clean", table])
                for table, contract in _CONTRACTS.items()
                if any(column.type == column_type for column in contract.columns.values())
            ),
            *(dg.AssetKey(["policy", policy]) for policy in policies),
            *(dg.AssetKey(["reference", reference]) for reference in references),
        ],
        group_name="clean",
        kinds=_KINDS,
        owners=_OWNERS,
        description=description,
    )
    def dictionary(warehouse: Warehouse) -> dg.MaterializeResult[None]:
        started = time.monotonic()
        with warehouse.connect() as con:
            build(con, warehouse.settings)
            metadata = _table_metadata(con, "clean", name)
            counted = con.execute(f"select count(*), count(rule) from clean.{identifier(name)}").fetchone()
        rows, changed = counted or (0, 0)
        return dg.MaterializeResult(
            metadata={
                **metadata,
                "values_changed": changed,
                "change_rate": _rate(changed, rows),
                "seconds": round(time.monotonic() - started, 2),
            }
        )

    return dictionary


_DICTIONARIES = [
    _dictionary_asset(
        "names",
        "name",
        "Every delivered name, read: parts, honorific, keys and masked form. Grain: distinct delivered value.",
        dictionaries.build_names,
        policies=["name_thresholds"],
        references=[
            "given_name_characters",
            "name_characters",
            "name_company_words",
            "name_honorifics",
            "name_latin_affixes",
            "name_nickname_prefixes",
            "name_placeholders",
            "name_remarks",
            "name_transliteration_characters",
            "romanised_surnames",
            "surnames",
            "western_given_names",
        ],
    ),
    _dictionary_asset(
        "phones",
        "phone",
        "Every delivered phone with its E.164 form where it can be used. Grain: distinct delivered value.",
        dictionaries.build_phones,
        policies=["blocked_values", "phone_default_regions"],
        references=["mobile_prefixes"],
    ),
    _dictionary_asset(
        "emails",
        "email",
        "Every delivered email address with its clean form where it is valid. Grain: distinct delivered value.",
        dictionaries.build_emails,
        policies=["blocked_values"],
        references=["email_domain_typos"],
    ),
    _dictionary_asset(
        "addresses",
        "address",
        "Every delivered address with its parts and a key to compare by. Grain: distinct delivered value.",
        dictionaries.build_addresses,
        policies=["blocked_values"],
        references=["areas", "cities", "division_aliases", "provinces", "street_words"],
    ),
]


@dg.asset(
    key=["clean", "changes"],
    deps=[dg.AssetKey(["clean", name]) for name in ("names", "phones", "emails", "addresses")],
    group_name="clean",
    kinds={"duckdb"},
    owners=_OWNERS,
)
def changes(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """What cleaning changed, and by which rule; a view over the dictionaries. Grain: changed distinct value."""
    with warehouse.connect() as con:
        dictionaries.build_changes_view(con)
        metadata = _table_metadata(con, "clean", "changes")
    return dg.MaterializeResult(metadata=dict(metadata))


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["quality", "deliveries"],
            deps=[*_CLEAN_TABLES, _RAW_FILES],
            group_name="quality",
            kinds=_KINDS,
            owners=_OWNERS,
            description="Rows and amounts received, and what became of them. Grain: source, dataset and delivery date.",
        ),
        dg.AssetSpec(
            ["quality", "delivery_files"],
            deps=[*_CLEAN_TABLES, _RAW_FILES],
            group_name="quality",
            kinds=_KINDS,
            owners=_OWNERS,
            description="The same account for every single file. Grain: delivered file.",
        ),
    ]
)
def deliveries(warehouse: Warehouse) -> Iterator[dg.MaterializeResult[None]]:
    """Build the account of every delivery and of every file."""
    started = time.monotonic()
    with warehouse.connect() as con:
        ledger.build(con)
        differing = len(ledger.unbalanced(con))
        by_delivery = _table_metadata(con, "quality", "deliveries")
        by_file = _table_metadata(con, "quality", "delivery_files")
    seconds = round(time.monotonic() - started, 2)
    yield dg.MaterializeResult(
        asset_key=["quality", "deliveries"],
        metadata={**by_delivery, "unbalanced_deliveries": differing, "seconds": seconds},
    )
    yield dg.MaterializeResult(asset_key=["quality", "delivery_files"], metadata={**by_file, "seconds": seconds})


@dg.asset(
    key=["quality", "quarantine"],
    deps=[*_CLEAN_TABLES, _RAW_FILES],
    group_name="quality",
    kinds=_KINDS,
    owners=_OWNERS,
)
def quarantined(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """What was set aside whole, as delivered, with its reasons. Holds personal data. Grain: bad row or bad file."""
    started = time.monotonic()
    with warehouse.connect() as con:
        still_open = quarantine.build(con, warehouse.settings)
        metadata = _table_metadata(con, "quality", "quarantine")
    return dg.MaterializeResult(
        metadata={**metadata, "open": still_open, "seconds": round(time.monotonic() - started, 2)}
    )


@dg.asset(
    key=["quality", "drift"],
    deps=[
        *_CLEAN_TABLES,
        _RAW_FILES,
        dg.AssetKey(["clean", "names"]),
        dg.AssetKey(["policy", "drift_rules"]),
        dg.AssetKey(["policy", "drift_settings"]),
    ],
    group_name="quality",
    kinds=_KINDS,
    owners=_OWNERS,
)
def drifted(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """Differences from the contracts and the usual that fail no row. Grain: finding by file, column and value."""
    started = time.monotonic()
    policy = drift_policy.load(warehouse.settings.policy_dir, _known_columns())
    with warehouse.connect() as con:
        found = drift.build(con, _CONTRACTS.values(), policy)
        metadata = _table_metadata(con, "quality", "drift")
    return dg.MaterializeResult(metadata={**metadata, **found, "seconds": round(time.monotonic() - started, 2)})


@dg.asset(
    key=["quality", "doubtful_values"],
    deps=[*_CLEAN_TABLES, dg.AssetKey(["policy", "doubtful_values"])],
    group_name="quality",
    kinds=_KINDS,
    owners=_OWNERS,
)
def doubted(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """Values that are loaded and that a person should look at. Grain: doubtful value, of a record or wherever it is."""
    started = time.monotonic()
    settings = warehouse.settings
    rules = doubtful_values.load_rules(settings.policy_dir, _CONTRACTS, business_day(settings))
    with warehouse.connect() as con:
        still_open = doubtful_values.build(con, rules, doubtful_values.read_decisions(settings))
        metadata = _table_metadata(con, "quality", "doubtful_values")
    return dg.MaterializeResult(
        metadata={**metadata, "open": still_open, "seconds": round(time.monotonic() - started, 2)}
    )


@dg.asset(
    key=["quality", "scorecard"],
    deps=[
        *_CLEAN_TABLES,
        *(dg.AssetKey(["clean", name]) for name in ("names", "phones", "emails")),
        dg.AssetKey(["quality", "deliveries"]),
        dg.AssetKey(["policy", "scorecard_targets"]),
    ],
    group_name="quality",
    kinds=_KINDS,
    owners=_OWNERS,
)
def scored(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """How good each field is, beside its target and its past. Grain: day, source, dataset, field and dimension."""
    started = time.monotonic()
    targets = scorecard_policy.load(warehouse.settings.policy_dir, _known_columns())
    with warehouse.connect() as con:
        red = scorecard.build(con, _CONTRACTS.values(), targets)
        metadata = _table_metadata(con, "quality", "scorecard")
    return dg.MaterializeResult(metadata={**metadata, "red": red, "seconds": round(time.monotonic() - started, 2)})


def _known_columns() -> dict[str, set[str]]:
    """Columns by `source/dataset`, which policy rows may name."""
    return {f"{contract.source}/{contract.dataset}": set(contract.columns) for contract in _CONTRACTS.values()}


assets = [
    *(_clean_asset(contract) for contract in _CONTRACTS.values()),
    *_DICTIONARIES,
    changes,
    deliveries,
    quarantined,
    drifted,
    scored,
    doubted,
]
