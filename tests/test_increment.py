"""What a night must build: decided by content, safe when a run dies."""

import json
from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from orchestration import increment
from orchestration.settings import Settings
from orchestration.warehouse.runner import prepare_manifest

Connection = duckdb.DuckDBPyConnection
KEPT = ("intermediate.int_customers_moved",)


@pytest.fixture
def con() -> Iterator[Connection]:
    """A working database with ten customers and two days, built whole and finished."""
    with duckdb.connect() as connection:
        connection.execute("create schema increment; create schema intermediate")
        connection.execute("create table intermediate.int_customers_moved (customer_id varchar)")
        connection.execute("create table increment.cuts_seen (evaluated_on date)")
        connection.execute(
            "create table intermediate.int_customer_fingerprints as "
            "select 'C' || i as customer_id, 'a' as fingerprint from range(10) r(i)"
        )
        connection.execute(
            "create table intermediate.int_evaluation_days as select d as evaluated_on, 365 as spend_days, "
            "90 as activity_days, 183 as repeat_days, 1 as window_set "
            "from unnest([date '2026-05-31', date '2026-06-10']) t(d)"
        )
        increment.decide(connection, "first", "recipe", KEPT)
        increment.finish(connection, "first")
        yield connection


def due(con: Connection) -> set[str]:
    """Customers all of whose days are due."""
    return {customer for (customer,) in con.execute("select customer_id from increment.customers_due").fetchall()}


def days_due(con: Connection) -> list[str]:
    """Days that are due for everybody."""
    found = con.execute("select evaluated_on from increment.days where due is not null order by 1").fetchall()
    return [day.isoformat() for (day,) in found]


def change(con: Connection, customer: str, fingerprint: str) -> None:
    """Let the facts of a customer change."""
    con.execute(
        "update intermediate.int_customer_fingerprints set fingerprint = ? where customer_id = ?",
        [fingerprint, customer],
    )


def test_the_first_run_keeps_nothing_and_the_second_without_news_everything(con: Connection) -> None:
    decided = increment.decide(con, "second", "recipe", KEPT)
    assert (decided.customers_due, decided.days_due, decided.nothing_kept) == (0, 0, None)
    assert increment.mode(con, "second") == "due"


def test_changed_new_and_vanished_customers_are_due(con: Connection) -> None:
    change(con, "C1", "b")
    con.execute("insert into intermediate.int_customer_fingerprints values ('C99', 'a')")
    con.execute("delete from intermediate.int_customer_fingerprints where customer_id = 'C2'")
    increment.decide(con, "second", "recipe", KEPT)
    assert due(con) == {"C1", "C2", "C99"}


def test_a_new_day_and_a_day_with_other_windows_are_due(con: Connection) -> None:
    con.execute("update intermediate.int_evaluation_days set spend_days = 180 where evaluated_on = '2026-05-31'")
    con.execute("update intermediate.int_evaluation_days set evaluated_on = '2026-06-11' where spend_days = 365")
    increment.decide(con, "second", "recipe", KEPT)
    assert days_due(con) == ["2026-05-31", "2026-06-11"]


def test_sums_go_on_from_the_last_day_that_was_counted(con: Connection) -> None:
    assert increment.counted_until(con) is None
    increment.decide(con, "second", "recipe", KEPT)
    assert increment.counted_until(con) == date(2026, 6, 10)
    con.execute(
        "update intermediate.int_evaluation_days set evaluated_on = '2026-06-11' where evaluated_on > '2026-06-01'"
    )
    increment.decide(con, "third", "recipe", KEPT)
    con.execute("update increment.days set due = 'valued' where evaluated_on = '2026-05-31'")
    assert increment.counted_until(con) == date(2026, 5, 31)


def test_sums_do_not_go_on_over_windows_that_changed(con: Connection) -> None:
    con.execute("insert into intermediate.int_evaluation_days values ('2026-06-11', 180, 90, 183, 2)")
    increment.decide(con, "second", "recipe", KEPT)
    assert increment.counted_until(con) is None


def test_what_a_killed_run_had_due_stays_due_though_its_facts_came_back(con: Connection) -> None:
    change(con, "C1", "b")
    increment.decide(con, "killed", "recipe", KEPT)
    con.execute("update increment.days set due = 'valued' where evaluated_on = '2026-05-31'")
    change(con, "C1", "a")
    change(con, "C3", "b")
    decided = increment.decide(con, "next", "recipe", KEPT)
    assert due(con) == {"C1", "C3"}
    assert days_due(con) == ["2026-05-31"]
    assert decided.customers_due == 2


def test_what_a_finished_run_built_is_not_due_again(con: Connection) -> None:
    change(con, "C1", "b")
    increment.decide(con, "second", "recipe", KEPT)
    con.execute("insert into intermediate.int_customers_moved values ('C5')")
    increment.finish(con, "second")
    increment.decide(con, "third", "recipe", KEPT)
    assert due(con) == set()
    assert con.execute("select count(*) from intermediate.int_customers_moved").fetchall() == [(0,)]


def test_nothing_is_kept_where_the_cuts_it_was_placed_by_are_lost(con: Connection) -> None:
    con.execute("drop table increment.cuts_seen")
    assert increment.decide(con, "second", "recipe", KEPT).nothing_kept == "increment.cuts_seen is not there"


@pytest.mark.parametrize(
    ("recipe", "kept", "why"),
    [
        ("another", KEPT, "models, policies or libraries changed"),
        ("recipe", (*KEPT, "marts.customer_history"), "marts.customer_history is not there"),
    ],
)
def test_nothing_is_kept_where_it_cannot_be_trusted(
    con: Connection, recipe: str, kept: tuple[str, ...], why: str
) -> None:
    decided = increment.decide(con, "second", recipe, kept)
    assert decided.nothing_kept == why
    assert increment.mode(con, "second") == "all"
    assert (decided.customers_due, decided.days_due) == (10, 2)


def test_a_full_build_that_died_is_begun_again(con: Connection) -> None:
    increment.decide(con, "killed", "another", KEPT)
    decided = increment.decide(con, "next", "another", KEPT)
    assert decided.nothing_kept == "the run before had everything to build and did not end"


def test_most_customers_due_means_all(con: Connection) -> None:
    for number in range(5):
        change(con, f"C{number}", "b")
    assert increment.decide(con, "second", "recipe", KEPT).nothing_kept == "5 of 10 customers changed"


def test_a_model_built_by_hand_makes_the_next_run_build_everything_once(con: Connection) -> None:
    increment.mark_built_by_hand(con, "customer_history")
    assert increment.decide(con, "second", "recipe", KEPT).nothing_kept == "customer_history was built by hand"
    increment.finish(con, "second")
    assert increment.decide(con, "third", "recipe", KEPT).nothing_kept is None


def test_another_run_decided_nothing_for_this_one(con: Connection) -> None:
    assert increment.mode(con, "first") is None
    increment.decide(con, "second", "recipe", KEPT)
    assert increment.mode(con, "another") is None


def test_every_fact_that_a_kept_month_is_counted_from_is_in_the_fingerprint() -> None:
    nodes = json.loads(prepare_manifest(Settings()).read_bytes())["nodes"]
    models = {node["name"]: node for node in nodes.values() if node["resource_type"] == "model"}

    def read_by(model: str) -> set[str]:
        return {parent.split(".")[-1] for parent in models[model]["depends_on"]["nodes"] if parent.startswith("model.")}

    kept = {name for name, node in models.items() if node["config"]["materialized"] == "kept"}
    # Days and rules, which other notes tell of, and what the kept models make of each other.
    of_no_customer = {"int_as_of", "int_evaluation_days", "int_rfm_cells", "int_rfm_cuts", "int_spend_cuts"}
    # Compared by valuation.
    told_otherwise = {"stg_valuation__customer_values"}
    facts = set().union(*(read_by(model) for model in kept)) - kept - of_no_customer - told_otherwise
    assert len(facts) > 5
    assert facts <= read_by("int_customer_fingerprints")
