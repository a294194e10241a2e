"""Purchase histories: those of CDNOW, and a small working database to value."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

CDNOW = Path(__file__).parents[3] / "shared" / "data" / "clv" / "CDNOW_sample.txt"

Purchases = list[tuple[str, date, float]]
Database = Callable[[Purchases, list[date]], duckdb.DuckDBPyConnection]


@pytest.fixture(scope="session")
def cdnow_days() -> pd.DataFrame:
    """One row per customer and day with a purchase: `customer_id`, `day`, `amount`."""
    if not CDNOW.exists():
        pytest.skip(f"{CDNOW} is not here")
    names = ["master_id", "customer_id", "day", "units", "amount"]
    lines = pd.read_csv(CDNOW, sep=r"\s+", header=None, names=names, dtype={"customer_id": str, "day": str})
    lines["day"] = pd.to_datetime(lines["day"])
    return lines.groupby(["customer_id", "day"], as_index=False)["amount"].sum()


@pytest.fixture
def database() -> Iterator[Database]:
    """Make a working database that holds what valuation reads."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def make(purchases: Purchases, days: list[date]) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect()
        opened.append(con)
        con.execute("create schema intermediate")
        con.execute("create schema valuation")
        con.execute("create table intermediate.int_evaluation_days (evaluated_on date)")
        con.executemany("insert into intermediate.int_evaluation_days values (?)", [[day] for day in days])
        frame = pd.DataFrame(purchases, columns=["customer_id", "purchased_on", "purchased_amount"])
        con.register("frame", frame)
        con.execute(
            "create table intermediate.int_purchase_days_aggregated as select customer_id, "
            "cast(purchased_on as date) as purchased_on, cast(purchased_amount > 0 as integer) as purchases, "
            "cast(purchased_amount as decimal(18, 4)) as purchased_amount from frame"
        )
        return con

    yield make
    for con in opened:
        con.close()
