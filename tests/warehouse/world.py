"""A small hand-made world in the shapes of `docs/architecture.md`, for the dbt tests.

What belongs here: creating the tables that dbt reads, and filling them from short literals. What
does not: expectations, which stand in the tests.
"""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from data_quality.contract import load_contracts
from orchestration.valuation.kept_days import make_tables

_TYPES = {
    "identifier": "varchar",
    "text": "varchar",
    "name": "varchar",
    "phone": "varchar",
    "email": "varchar",
    "address": "varchar",
    "id_card": "varchar",
    "enum": "varchar",
    "date": "date",
    "timestamp": "timestamp",
    "decimal": "decimal(18,4)",
    "integer": "bigint",
    "boolean": "boolean",
}

_IDENTITY = """
create schema if not exists identity;
create schema if not exists quality;
create table identity.customer_xref (source varchar, record_key varchar, customer_id varchar, matched_by varchar,
    confidence double, since timestamp);
create table identity.customers (customer_id varchar, name varchar, masked_name varchar, salutation varchar,
    gender varchar, birthday date, phone varchar, masked_phone varchar, email varchar, masked_email varchar,
    province varchar, city varchar, district varchar, member_count bigint, account_count bigint, record_count bigint,
    marketing_consent boolean, marketing_consent_since timestamp, referrer_customer_id varchar,
    registered_at timestamp, first_seen_at timestamp);
create table quality.deliveries (source varchar, dataset varchar, delivery_date date, files bigint,
    files_quarantined bigint, rows_received bigint, rows_loaded bigint, rows_superseded bigint, rows_repeated bigint,
    rows_quarantined bigint, amount_received decimal(38,4), amount_loaded decimal(38,4),
    amount_superseded decimal(38,4), amount_repeated decimal(38,4), amount_quarantined decimal(38,4));
"""


class World:
    """Builder of one working database; rows are added by dataset, missing columns stay empty."""

    def __init__(self, warehouse: Path) -> None:
        warehouse.mkdir(parents=True, exist_ok=True)
        self.warehouse = warehouse
        self.path = warehouse / "warehouse.duckdb"
        self._contracts = load_contracts()
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("create schema if not exists clean")
            for table, contract in self._contracts.items():
                columns = ["record_key varchar"]
                columns += [f"{name} {_TYPES[column.type]}" for name, column in contract.columns.items()]
                columns += ["_file varchar", "_line bigint", "_delivery_date date", "_first_delivered date"]
                connection.execute(f"create table clean.{table} ({', '.join(columns)})")
            connection.execute(_IDENTITY)
            connection.execute("create schema valuation")
            make_tables(connection)

    def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Append rows (column to value) to `schema.table`."""
        with duckdb.connect(str(self.path)) as connection:
            for row in rows:
                marks = ", ".join("?" for _ in row)
                connection.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))

    def load(self, table: str, frame: pd.DataFrame, columns: str) -> None:
        """Append `select columns from frame` to a table by column name."""
        with duckdb.connect(str(self.path)) as connection:
            connection.register("frame", frame)
            connection.execute(f"insert into {table} by name select {columns} from frame")

    def records(self, dataset: str, rows: list[dict[str, Any]], delivered_on: date) -> None:
        """Append clean rows of a dataset such as `pos_sales`, with their record keys."""
        contract = self._contracts[dataset]
        self.insert(
            f"clean.{dataset}",
            [
                {
                    "record_key": "|".join(str(row[key]) for key in contract.key),
                    **row,
                    "_delivery_date": delivered_on,
                    "_first_delivered": delivered_on,
                }
                for row in rows
            ],
        )

    def customer(self, customer_id: str, *, first_seen_at: str | None, **columns: Any) -> None:
        """Append a golden record."""
        defaults = {
            "masked_name": "张*",
            "salutation": "张先生",
            "member_count": 0,
            "account_count": 0,
            "record_count": 1,
        }
        self.insert(
            "identity.customers",
            [{"customer_id": customer_id, "first_seen_at": first_seen_at, **defaults, **columns}],
        )

    def link(self, source: str, record_key: str, customer_id: str | None) -> None:
        """Append a crosswalk row; without a customer it is unlinked."""
        matched_by = "member_id" if customer_id else "unlinked"
        row = {"source": source, "record_key": record_key, "customer_id": customer_id, "matched_by": matched_by}
        self.insert("identity.customer_xref", [row])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the built warehouse."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(sql).fetchall()
