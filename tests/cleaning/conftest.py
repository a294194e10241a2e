import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_quality.contract import Contract
from orchestration import database
from orchestration.settings import Settings

Deliver = Callable[..., None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(landing=tmp_path / "landing", warehouse=tmp_path / "warehouse", threads=1)


@pytest.fixture
def con(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with database.connect(settings) as connection:
        yield connection


@pytest.fixture(scope="session")
def contract() -> Contract:
    """A contract that has a column of every type and a rule of every kind."""
    return Contract.model_validate(
        {
            "source": "pos",
            "dataset": "sales",
            "description": "Ticket lines.",
            "grain": "one row per ticket line",
            "key": ["ticket_id", "line_no"],
            "amount": "amount",
            "business_time": "sold_at",
            "columns": {
                "ticket_id": {"type": "identifier", "required": True},
                "line_no": {"type": "integer", "required": True},
                "sold_at": {"type": "timestamp", "required": True, "not_after_delivery": True},
                "closed_at": {"type": "timestamp"},
                "birthday": {"type": "date", "personal": True, "not_after_delivery": True},
                "quantity": {"type": "decimal", "required": True, "not_zero": True},
                "amount": {"type": "decimal", "required": True},
                "score": {"type": "integer", "minimum": 0, "maximum": 10},
                "status": {"type": "enum", "required": True, "values": {"paid": ["已付款"], "refunded": []}},
                "channel": {
                    "type": "enum",
                    "aliases": ["渠道"],
                    "values": {"web": ["网页"], "mini_program": ["mini program"]},
                },
                "gender": {"type": "enum", "personal": True, "values": {"male": ["男"], "female": ["女"]}},
                "is_gift": {"type": "boolean", "values": {"true": ["是", "1"], "false": ["否", "0"]}},
                "member_id": {"type": "identifier", "empty_values": ["散客"]},
                "name": {"type": "name", "personal": True},
                "phone": {"type": "phone", "personal": True},
                "id_card": {"type": "id_card", "personal": True},
                "note": {"type": "text"},
            },
            "row_rules": [{"code": "closed_before_sold", "column": "closed_at", "earlier": "sold_at"}],
        }
    )


@pytest.fixture
def deliver(con: duckdb.DuckDBPyConnection, contract: Contract) -> Deliver:
    """Put rows into raw as ingestion leaves them.

    Each row is a dict of delivered texts (missing columns are NULL, but required ones get a good value) with `day`
    (of May 2024), `file` and `line`; `files` adds entries of files that could not be read, or extra facts of good ones.
    """

    good = {
        "ticket_id": "T1",
        "line_no": "1",
        "sold_at": "2024-05-01 10:00",
        "quantity": "1",
        "amount": "10.00",
        "status": "paid",
    }

    def put(rows: list[dict[str, Any]], files: list[dict[str, Any]] | None = None) -> None:
        columns = list(contract.columns)
        con.execute(
            f"create or replace table raw.pos_sales ({', '.join(f'{c} varchar' for c in columns)}, "
            "_extra map(varchar, varchar), _row_error varchar, _raw varchar, _file varchar, _line bigint, "
            "_delivery_date date)"
        )
        contents: dict[tuple[date, str], list[Any]] = {}
        values: list[list[Any]] = []
        for number, given in enumerate(rows, start=1):
            row = good | given
            day = date(2024, 5, row.get("day", 1))
            path = f"pos/{day}/{row.get('file', 'sales.csv')}"
            delivered = [*(row.get(c) for c in columns), row.get("extra"), row.get("row_error"), row.get("raw")]
            values.append([*delivered, path, row.get("line", number), day])
            contents.setdefault((day, path), []).append(values[-1])
        if values:
            places = ", ".join("?" for _ in values[0])
            con.executemany(f"insert into raw.pos_sales values ({places})", values)
        con.execute(
            "create or replace table raw.files (source varchar, dataset varchar, delivery_date date, file varchar, "
            "sha256 varchar, bytes bigint, format varchar, encoding varchar, rows bigint, bad_rows bigint, "
            "status varchar, reason varchar, message varchar, columns_unknown varchar[], columns_missing varchar[], "
            "columns_mapped map(varchar, varchar), ingested_at timestamp)"
        )
        entries = [
            {
                "source": "pos",
                "dataset": "sales",
                "delivery_date": day,
                "file": path,
                "sha256": hashlib.sha256(repr(content).encode()).hexdigest(),
                "rows": len(content),
                "status": "read",
            }
            for (day, path), content in contents.items()
        ]
        for extra in files or []:
            known = [e for e in entries if e["file"] == extra["file"] and extra.get("status", "read") == "read"]
            if known:
                known[0].update(extra)
            else:
                entries.append(extra)
        for entry in entries:
            places = ", ".join("?" for _ in entry)
            con.execute(
                f"insert into raw.files ({', '.join(entry)}, ingested_at) values ({places}, timestamp '2024-05-09')",
                list(entry.values()),
            )

    return put
