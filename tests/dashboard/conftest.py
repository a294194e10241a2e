"""A published file with every table the dashboard reads: the marts as their contracts declare them, without rows."""

from collections.abc import Callable, Iterator

import duckdb
import pytest

OTHERS = """
create schema identity;
create schema quality;
create table identity.customer_xref (source varchar, record_key varchar, customer_id varchar);
create table quality.deliveries (
    source varchar, dataset varchar, delivery_date date, rows_received bigint, rows_loaded bigint,
    rows_superseded bigint, rows_repeated bigint, rows_quarantined bigint, amount_received decimal(38, 4),
    amount_loaded decimal(38, 4), amount_superseded decimal(38, 4), amount_repeated decimal(38, 4),
    amount_quarantined decimal(38, 4)
);
create table quality.quarantine (source varchar, dataset varchar, reasons varchar[], status varchar);
create table quality.conservation (
    hop varchar, measure varchar, expected decimal(38, 4), found decimal(38, 4), difference decimal(38, 4),
    is_balanced boolean
);
create table quality.check_results (
    run_id varchar, checked_at timestamp, stage varchar, severity varchar, passed boolean
);
"""

Fill = Callable[[str], duckdb.DuckDBPyConnection]


@pytest.fixture
def published(declared_marts: str) -> Iterator[Fill]:
    """Open a file without a customer, after some SQL of the test's own."""
    with duckdb.connect(":memory:") as connection:

        def fill(sql: str = "") -> duckdb.DuckDBPyConnection:
            connection.execute(declared_marts + OTHERS + sql)
            return connection

        yield fill
