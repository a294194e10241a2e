"""Each dimension of the scorecard on a delivery of which the numbers are known."""

import csv
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from data_quality.contract import load_contracts
from orchestration.cleaning import profile, scorecard, scorecard_policy
from orchestration.errors import UserError
from orchestration.settings import PROJECT_ROOT

POLICY = PROJECT_ROOT / "seeds" / "policy"
CONTRACTS = load_contracts()
KNOWN = {f"{c.source}/{c.dataset}": set(c.columns) for c in CONTRACTS.values()}
FAULTS = list(csv.DictReader((Path(__file__).parents[1] / "cases" / "score_target_faults.csv").open(encoding="utf-8")))


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Two days of sales; on the second a quarter of the phones is gone and one of the members was never delivered."""
    with duckdb.connect() as con:
        for schema in ("clean", "quality"):
            con.execute(f"create schema {schema}")
        profile.create(con)
        con.execute("""
            insert into clean.field_profiles by name
            select
                'pos' as source, 'sales' as dataset, day as delivery_date, name as column_name, 100 as rows, filled,
                unreadable, unknown, faulty, shares
            from (values
                (date '2026-03-01', 'phone', 80, 0, 0, 0, null),
                (date '2026-03-01', 'quantity', 98, 1, 0, 3, null),
                (date '2026-03-01', 'sold_at', 100, 0, 0, 0, map {'0': 90, '7': 6, '8': 4}),
                (date '2026-03-02', 'phone', 60, 0, 0, 0, null)
            ) as p(day, name, filled, unreadable, unknown, faulty, shares)""")
        con.execute("""
            create table clean.pos_members as select 'M1' as record_key, 'M1' as member_id, null::varchar as phone,
                null::varchar as name, date '2026-03-01' as _delivery_date""")
        con.execute("""
            create table clean.pos_sales as
            select * from (values
                ('M1', '138', date '2026-03-01'), ('M2', '138', date '2026-03-01'), (null, 'x', date '2026-03-01'),
                ('M1', null, date '2026-03-02')
            ) as s(member_id, phone, _delivery_date)""")
        con.execute(
            "create table clean.phones as select * from (values ('138', 'mobile'), ('x', 'invalid')) p(value, kind)"
        )
        con.execute(
            "create table clean.rejected_rows (source varchar, dataset varchar, delivery_date date, reasons varchar[])"
        )
        con.execute("""
            create table quality.deliveries as
            select 'pos' as source, 'sales' as dataset, date '2026-03-01' as delivery_date, 90 as rows_loaded,
                8 as rows_repeated, 2 as rows_superseded""")
        yield con


def scores(con: duckdb.DuckDBPyConnection, *names: str) -> list[tuple]:
    contracts = [CONTRACTS["pos_members"], CONTRACTS["pos_sales"]]
    scorecard.build(con, contracts, scorecard_policy.load(POLICY, KNOWN))
    return con.execute(
        f"select {', '.join(names)} from quality.scorecard where dataset = 'sales' order by all"
    ).fetchall()


@pytest.mark.parametrize(
    ("field", "dimension", "checked", "failing"),
    [
        ("phone", "completeness", 100, 20),
        ("quantity", "validity", 99, 3),
        ("phone", "validity", 3, 1),
        (None, "timeliness", 100, 4),
        (None, "uniqueness", 100, 8),
        ("member_id", "consistency", 2, 1),
    ],
)
def test_each_dimension_counts_what_its_name_says(
    con: duckdb.DuckDBPyConnection, field: str | None, dimension: str, checked: int, failing: int
):
    found = scores(con, "day::varchar", "field", "dimension", "rows_checked", "rows_failing")
    assert ("2026-03-01", field, dimension, checked, failing) in found


def test_a_share_is_judged_by_its_most_specific_target_and_its_past(con: duckdb.DuckDBPyConnection):
    found = scores(con, "day::varchar", "field", "dimension", "status", "trend", "is_newest", "value::double")
    assert ("2026-03-01", "phone", "completeness", "green", None, False, 0.8) in found
    assert ("2026-03-02", "phone", "completeness", "green", "down", True, 0.6) in found
    assert ("2026-03-01", "member_id", "consistency", "red", None, False, 0.5) in found
    assert ("2026-03-01", None, "uniqueness", "green", None, False, 0.92) in found


def test_scores_are_shares_one_per_day_field_and_dimension(con: duckdb.DuckDBPyConnection):
    found = scores(con, "day", "field", "dimension", "value between 0 and 1")
    assert len({row[:3] for row in found}) == len(found)
    assert all(row[3] for row in found)


@pytest.mark.parametrize("case", FAULTS, ids=[c["message"] for c in FAULTS])
def test_a_wrong_target_is_named_with_its_row_and_value(tmp_path: Path, case: dict[str, str]):
    text = (POLICY / "scorecard_targets.csv").read_text(encoding="utf-8")
    (tmp_path / "scorecard_targets.csv").write_text(f"{text}{case['target']}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"scorecard_targets\.csv row \d+: ") as refused:
        scorecard_policy.load(tmp_path, KNOWN)
    assert case["message"] in str(refused.value)
