"""A small warehouse of clean tables, filled row by row, with the real dictionaries over its values."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from data_quality.contract import load_contracts
from orchestration.cleaning import addresses, emails, names, phones
from orchestration.database import SCHEMAS, connect
from orchestration.identity.resolve import Report, resolve
from orchestration.settings import Settings

SQL_TYPES = {"date": "date", "timestamp": "timestamp", "decimal": "decimal(18, 4)", "integer": "bigint"}
SQL_TYPES |= {"boolean": "boolean"}
SINGULAR = {"names": "name", "phones": "phone", "emails": "email", "addresses": "address"}
DEFAULTS: dict[str, dict[str, Any]] = {
    "pos_sales": {"line_no": 1, "sold_at": "2026-05-01 10:00", "sku": "A1", "quantity": 1, "amount": 10},
    "ecommerce_orders": {
        "line_no": 1,
        "ordered_at": "2026-05-01 10:00",
        "sku": "A1",
        "quantity": 1,
        "amount": 10,
        "status": "paid",
    },
    "ecommerce_events": {"occurred_at": "2026-05-01 10:00", "event_type": "view"},
    "call_center_cases": {"opened_at": "2026-05-01 10:00"},
    "call_center_surveys": {"responded_at": "2026-05-01 10:00"},
    "call_center_outreach": {"sent_at": "2026-05-01 10:00"},
}


@dataclass
class World:
    """Clean tables in memory; `add` writes a row, `resolve` runs the stage."""

    connection: duckdb.DuckDBPyConnection
    settings: Settings

    def add(self, table: str, delivered: str = "2026-05-01", **values: Any) -> None:
        contract = load_contracts()[table]
        row = DEFAULTS.get(table, {}) | values
        row["record_key"] = "|".join(str(row[k]) for k in contract.key)
        row |= {"_delivery_date": delivered, "_first_delivered": delivered, "_file": "test", "_line": 1}
        columns = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        self.connection.execute(f"insert into clean.{table} ({columns}) values ({marks})", list(row.values()))

    def member(self, member_id: str, name: str | None = None, phone: str | None = None, **more: Any) -> None:
        self.add("pos_members", member_id=member_id, name=name, phone=phone, **more)

    def account(self, account_id: str, name: str | None = None, phone: str | None = None, **more: Any) -> None:
        self.add("ecommerce_customers", account_id=account_id, name=name, phone=phone, **more)

    def case(self, case_id: str, name: str | None = None, phone: str | None = None, **more: Any) -> None:
        self.add("call_center_cases", case_id=case_id, caller_name=name, caller_phone=phone, **more)

    def guest(self, order_id: str, name: str | None = None, phone: str | None = None, **more: Any) -> None:
        self.add("ecommerce_orders", order_id=order_id, receiver_name=name, receiver_phone=phone, **more)

    def survey(self, survey_id: str, name: str | None = None, phone: str | None = None, **more: Any) -> None:
        assert name is None, "a survey carries no name"
        self.add("call_center_surveys", survey_id=survey_id, phone=phone, **more)

    def ticket(self, ticket_id: str, name: str | None = None, phone: str | None = None, **more: Any) -> None:
        assert name is None, "a ticket carries no name"
        self.add("pos_sales", ticket_id=ticket_id, phone=phone, **more)

    def resolve(self) -> Report:
        self.build_dictionaries()
        return resolve(self.connection, self.settings)

    def build_dictionaries(self) -> None:
        write_dictionary(self.connection, "names", names.parse, names.ParsedName)
        write_dictionary(self.connection, "phones", phones.parse, phones.ParsedPhone)
        write_dictionary(self.connection, "emails", emails.parse, emails.ParsedEmail)
        write_dictionary(self.connection, "addresses", addresses.parse, addresses.ParsedAddress)

    def customer(self, source: str, key: str) -> str | None:
        row = self.connection.execute(
            "select customer_id from identity.customer_xref where source = ? and record_key = ?", [source, key]
        ).fetchone()
        assert row is not None, f"{source} {key} is missing from the crosswalk"
        found: str | None = row[0]
        return found

    def matched_by(self, source: str, key: str) -> str:
        row = self.connection.execute(
            "select matched_by from identity.customer_xref where source = ? and record_key = ?", [source, key]
        ).fetchone()
        assert row is not None
        return str(row[0])

    def store(self) -> None:
        """Resolve, and keep clean and identity in the warehouse file, as a refresh leaves them."""
        self.resolve()
        with connect(self.settings):
            pass
        self.connection.execute(f"attach '{self.settings.database}' as kept")
        for schema, table in self.rows(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = 'memory' and table_schema in ('clean', 'identity') and table_type = 'BASE TABLE'"
        ):
            name = f"{schema}.{table}"
            self.connection.execute(f"create or replace table kept.{name} as select * from memory.{name}")
        self.connection.execute("detach kept")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()


def write_dictionary(
    connection: duckdb.DuckDBPyConnection, kind: str, parse: Callable[[str], Any], shape: type[Any]
) -> None:
    """Parse every distinct value of the columns of one type into `clean.<kind>`."""
    parts = []
    for table, contract in load_contracts().items():
        parts += [
            f"select distinct {c} as value from clean.{table}"
            for c, d in contract.columns.items()
            if d.type == SINGULAR[kind]
        ]
    values = [r[0] for r in connection.execute(" union ".join(parts)).fetchall() if r[0] is not None]
    columns = [f.name for f in fields(shape)]
    frame = pd.DataFrame([{"value": v, **asdict(parse(v))} for v in sorted(values)], columns=["value", *columns])
    typed = ", ".join(f"{c} varchar" for c in columns)
    connection.execute(f"create or replace table clean.{kind} (value varchar, {typed})")
    if len(frame):
        connection.execute(f"insert into clean.{kind} by name select * from frame")


def empty_world(folder: Path) -> World:
    connection = duckdb.connect(":memory:")
    for schema in SCHEMAS:
        connection.execute(f"create schema if not exists {schema}")
    for table, contract in load_contracts().items():
        columns = ", ".join(f"{n} {SQL_TYPES.get(c.type, 'varchar')}" for n, c in contract.columns.items())
        connection.execute(
            f"create table clean.{table} (record_key varchar, {columns}, _file varchar, _line bigint, "
            "_delivery_date date, _first_delivered date)"
        )
    settings = Settings(warehouse=folder / "warehouse", as_of=date(2026, 6, 1))
    return World(connection, settings)


@pytest.fixture(scope="session")
def new_world() -> Callable[[Path], World]:
    return empty_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = empty_world(tmp_path)
    yield made
    made.connection.close()
