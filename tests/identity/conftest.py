"""A small warehouse of clean tables, filled row by row, with the real dictionaries over its values."""

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from data_quality.contract import load_contracts
from orchestration.cleaning import addresses, emails, names, phones
from orchestration.database import SCHEMAS, connect
from orchestration.identity import resolve as stage
from orchestration.identity.policy import load_policy
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


SURNAMES, GIVEN, CITIES = "张王李赵", ["伟", "芳", "晓明", "小明", "建国", "丽"], ["成都市", "杭州市"]


def somebody(chance: random.Random) -> dict[str, Any]:
    name = chance.choice(SURNAMES) + chance.choice(GIVEN)
    number = chance.randrange(12)
    title = chance.choice(["", "", "先生", "女士"])
    return {
        "name": chance.choice([name, name, name, name[0] + title if title else name]),
        "phone": chance.choice([f"1391234{number:04d}", f"1391234{number:04d}", None]),
        "birthday": chance.choice([f"19{80 + number}-0{1 + number % 9}-11", None]),
        "city": chance.choice(CITIES),
        "address": chance.choice([f"春熙路{number % 4}号{number}室", None]),
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

    def deliver_night(self, chance: random.Random, night: int) -> None:
        """New, late, corrected and withdrawn records; a mention may be older than those that came before."""
        day = chance.choice([f"2026-05-{night + 1:02d}", "2026-04-15"])
        for number in range(14 if night == 0 else 4):
            person = somebody(chance)
            key = f"{night}-{number}"
            if chance.random() < 0.5:
                self.member(f"M{key}", delivered=day, **person)
            else:
                email = chance.choice([None, f"user{chance.randrange(5)}@qq.com"])
                self.account(f"A{key}", delivered=day, email=email, **person)
            opened = f"2026-0{chance.randrange(1, 6)}-10 10:00"
            self.case(f"K{key}", person["name"], person["phone"], delivered=day, opened_at=opened)
            if chance.random() < 0.3:
                self.ticket(f"T{key}", phone=person["phone"], delivered=day, sold_at=opened)
        # One line names a member who is delivered tomorrow, or never.
        self.ticket(f"B{night}", member_id=f"M{night + 1}-{chance.randrange(4)}", delivered=day)
        if night == 0:
            return
        for table in ("pos_members", "ecommerce_customers"):
            keys = [k for (k,) in self.rows(f"select record_key from clean.{table} order by 1")]
            other = somebody(chance)
            self.connection.execute(
                f"update clean.{table} set name = ?, phone = ?, birthday = ? where record_key = ?",
                [other["name"], other["phone"], other["birthday"], chance.choice(keys)],
            )
            self.connection.execute(f"delete from clean.{table} where record_key = ?", [chance.choice(keys)])
        self.connection.execute("delete from clean.call_center_cases where record_key = ?", [f"K{night - 1}-1"])

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


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of at most four records and few people to a number, so that small worlds cross every limit."""

    small = {"max_people_per_phone": 3, "max_records_per_phone": 9, "min_common_address_word": 4}

    def load(*arguments: Any) -> Any:
        policy = load_policy(*arguments)
        return replace(
            policy,
            limits=policy.limits | small,
            blocking_rules=tuple(replace(r, max_block_size=4) for r in policy.blocking_rules),
        )

    monkeypatch.setattr(stage, "load_policy", load)
