"""What the model expects of its own links."""

from typing import Any

import duckdb
import pytest

from orchestration.identity.self_check import expected_quality


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("""
        create schema identity;
        create table identity.clusters (record_id integer, cluster integer);
        create temp table scored_pairs (l integer, r integer, match_weight double, match_probability double)
    """)
    return con


def test_a_joined_pair_is_as_right_as_its_probability_and_a_pair_apart_as_missed(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute("""
        insert into identity.clusters values (1, 1), (2, 1), (3, 3), (4, null);
        insert into scored_pairs values (1, 2, 5, 0.9), (1, 3, 1, 0.3), (2, 4, 1, 0.3)
    """)
    assert expected_quality(connection) == {
        "expected_precision": 0.9,
        "expected_recall": 0.6,
        "expected_f1": 0.72,
    }


def test_nothing_is_claimed_where_nothing_was_scored(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("insert into identity.clusters values (1, 1)")
    assert expected_quality(connection) == {}


def test_a_run_reports_what_it_expects(world: Any) -> None:
    for number in range(30):
        world.member(
            f"M{number}", "欧阳若兮", f"1391234{number:04}", birthday="1990-05-17", address="上海市徐汇区漕溪路88号"
        )
        world.account(f"U{number}", "欧阳若兮", f"1391234{number:04}", city="上海市")
    report = world.resolve()["links"]
    assert 0 < report["expected_recall"] <= 1
    assert report["expected_precision"] > 0.5
    assert report["expected_f1"] <= max(report["expected_precision"], report["expected_recall"])
