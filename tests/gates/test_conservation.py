"""A row that is lost at a hop is named: hop, dataset, delivery and numbers; and nothing is published."""

import csv
import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from data_quality.contract import load_contracts
from data_quality.suite import load_suites
from orchestration import database
from orchestration.gates import conservation
from orchestration.gates.gate import check_stage, published_file
from orchestration.gates.store import append_results, refusals
from orchestration.publication.build import build_file, tables_to_publish
from orchestration.settings import Settings

CASES = list(csv.DictReader((Path(__file__).parents[1] / "cases" / "lost_rows.csv").open(encoding="utf-8")))
AS_OF = date(2026, 6, 30)
BALANCES = "select customer_id, points as balance from marts.points_ledger"


def messages(settings: Settings) -> list[str]:
    with database.connect(settings) as con:
        conservation.balance_deliveries(con, load_contracts().values(), AS_OF)
        conservation.balance_marts(con, load_contracts().values(), AS_OF, published_file(settings))
        return [found.message for found in conservation.imbalances(con)]


def test_a_sound_warehouse_balances_at_every_hop(settings: Settings):
    assert messages(settings) == []
    with database.connect(settings) as con:
        counted = {summary.hop: summary.balances for summary in conservation.summarise(con)}
    assert list(counted) == [
        "file_to_raw",
        "raw_to_clean",
        "clean_to_staging",
        "staging_to_facts",
        "facts_to_customers",
    ]
    assert counted["raw_to_clean"] == 5 + 2  # deliveries in rows, and those with money in money too


@pytest.mark.parametrize("case", CASES, ids=[f"{c['hop']}: {c['why']}" for c in CASES])
def test_what_is_lost_is_named_with_hop_dataset_delivery_and_numbers(
    settings: Settings, change: Callable[[str], None], case: dict[str, str]
):
    change(case["change"])
    assert case["message"] in messages(settings)


@pytest.mark.parametrize(
    "case",
    [next(c for c in CASES if c["hop"] == hop) for hop in dict.fromkeys(c["hop"] for c in CASES)],
    ids=lambda c: c["hop"],
)
def test_a_loss_at_any_hop_keeps_the_version_from_being_published(
    settings: Settings, change: Callable[[str], None], case: dict[str, str]
):
    change(case["change"])
    suite = load_suites()["clean" if case["hop"] in ("file_to_raw", "raw_to_clean") else "marts"]
    found = [r for r in check_stage(settings, suite, "run1", as_of=AS_OF) if r.table == "quality.conservation"]
    assert f"message={case['message']}" in [example for r in found if r.blocks for example in r.examples]
    with database.connect(settings) as con:
        assert {r.check for r in found if r.blocks} <= {r.check for r in refusals(con, [suite])}


def test_sums_that_agree_by_chance_do_not_hide_customers_that_differ(settings: Settings, change):
    change("update marts.customer_360 set net_revenue = 100 - net_revenue")
    assert messages(settings) == [
        "facts_to_customers: sales: net_revenue 150 expected, 150 found, the sums agree and 2 keys differ"
    ]


def merge_c2_into_c1(change: Callable[[str], None], line_of_c2: str) -> None:
    """A published version in which c2 had a line, then a merge of c2 into c1; `line_of_c2` is its customer now."""
    change("delete from marts.customer_360 where customer_id = 'c2'")
    change("insert into identity.id_redirects values ('c2', 'c1', date '2026-06-30')")
    change(f"update marts.fct_sales set customer_id = {line_of_c2} where source = 'ecommerce'")
    for table in ("intermediate.int_points_booked", "marts.points_ledger"):
        change(f"update {table} set customer_id = {line_of_c2} where reference = 'ecommerce|O1'")
        change(f"delete from {table} where customer_id is null")
    change(f"create or replace table marts.points_balances as {BALANCES}")


@pytest.fixture
def published_before(settings: Settings, change: Callable[[str], None]) -> None:
    for table in ("intermediate.int_points_booked", "marts.points_ledger"):
        change(f"insert into {table} values ('c2', '2026-06-29', 'purchase', 'ecommerce|O1', 50)")
    change(f"create or replace table marts.points_balances as {BALANCES}")
    change("update marts.fct_sales set customer_id = 'c2' where source = 'ecommerce'")
    change("update marts.customer_360 set net_revenue = 50, gross_revenue = 50, orders = 1 where customer_id = 'c2'")
    change(
        "update identity.customer_xref set customer_id = 'c2', matched_by = 'phone', confidence = 1, "
        "since = '2026-06-29' where record_key = 'O1'"
    )
    file = published_file(settings)
    file.parent.mkdir(parents=True)
    with database.connect(settings) as con:
        append_results(con, run_id="run0", stage="marts", checked_at=datetime(2026, 6, 30), results=[])  # noqa: DTZ001
        build_file(con, file, tables_to_publish(con))


@pytest.mark.usefixtures("published_before")
def test_two_customers_that_become_one_bring_lines_revenue_orders_and_points(settings: Settings, change):
    merge_c2_into_c1(change, "'c1'")
    change("update marts.customer_360 set net_revenue = 150, gross_revenue = 150, orders = 2")
    assert messages(settings) == []
    with database.connect(settings) as con:
        merged = con.execute(
            "select measure, expected::int, found::int from quality.conservation "
            "where hop = 'before_to_after_merge' order by all"
        ).fetchall()
    assert merged == [("lines", 2, 2), ("net_revenue", 150, 150), ("orders", 2, 2), ("points", 150, 150)]


@pytest.mark.usefixtures("published_before")
@pytest.mark.parametrize("share_left", [0.0, 0.5, 0.9])
def test_a_damaged_version_does_not_keep_a_whole_one_from_taking_its_place(
    settings: Settings, change: Callable[[str], None], share_left: float
) -> None:
    merge_c2_into_c1(change, "'c1'")
    change("update marts.customer_360 set net_revenue = 150, gross_revenue = 150, orders = 2")
    file = published_file(settings)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share_left)])
    assert messages(settings) == []


@pytest.mark.usefixtures("published_before")
def test_a_line_that_stays_with_the_old_id_of_a_merge_is_lost_revenue(settings: Settings, change):
    merge_c2_into_c1(change, "'c2'")
    assert "before_to_after_merge: sales: net_revenue 150 expected, 100 found, 50 lost" in messages(settings)


@pytest.mark.usefixtures("published_before")
def test_points_that_stay_with_the_old_id_of_a_merge_are_lost(settings: Settings, change):
    merge_c2_into_c1(change, "'c1'")
    change("update marts.points_ledger set customer_id = 'c2' where reference = 'ecommerce|O1'")
    assert "before_to_after_merge: points: points 150 expected, 100 found, 50 lost" in messages(settings)


@pytest.mark.usefixtures("published_before")
def test_a_line_whose_own_record_was_corrected_may_leave_the_survivor(settings: Settings, change):
    merge_c2_into_c1(change, "null")
    assert not [m for m in messages(settings) if m.startswith("before_to_after_merge")]


def test_what_the_run_before_counted_after_clean_is_forgotten(settings: Settings, change):
    change("update quality.conservation set hop = 'marts_to_published' where hop = 'facts_to_customers'")
    with database.connect(settings) as con:
        conservation.balance_deliveries(con, load_contracts().values(), AS_OF)
        assert {summary.hop for summary in conservation.summarise(con)} == {"file_to_raw", "raw_to_clean"}


def test_a_hop_that_cannot_be_counted_is_no_hop_that_balances(settings: Settings, change):
    change("drop view staging.stg_pos__sales")
    assert [m for m in messages(settings) if m.startswith("clean_to_staging: could not be counted: ")]


def test_doubles_that_stand_in_another_order_in_the_file_balance(tmp_path: Path):
    values = sorted(10.0**exponent / 7 for exponent in range(-6, 13) for _ in range(500))
    file = tmp_path / "built.duckdb"
    with duckdb.connect() as con:
        con.execute(f"create schema quality; create schema marts; attach '{file}' as file; create schema file.marts")
        conservation.balance_deliveries(con, [], AS_OF)
        for target, order in (("marts.kpi_daily", values), ("file.marts.kpi_daily", values[::-1])):
            con.execute(f"create table {target} as select unnest(?::double[]) as value", [order])
        con.execute("detach file")
        conservation.balance_published(con, file, {"marts.kpi_daily": len(values)}, [], AS_OF)
        assert [found.message for found in conservation.imbalances(con)] == []


def test_an_empty_warehouse_balances(settings: Settings, tmp_path: Path, change):
    for schema in ("raw", "clean"):
        for contract in load_contracts().values():
            change(f"delete from {schema}.{contract.table}")
    for table in ("raw.files", "quality.deliveries", "quality.quarantine", "marts.fct_sales", "marts.fct_cases"):
        change(f"delete from {table}")
    change("delete from marts.customer_360")
    shutil.rmtree(tmp_path / "landing", ignore_errors=True)
    assert messages(settings) == []
