import time
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_quality.gx_runner import run_suite
from data_quality.results import CheckResult
from data_quality.suite import Suite


def suite(*expectations: dict[str, Any]) -> Suite:
    common = {"table": "marts.lines", "severity": "error", "why": "because it has to be so", "key": ["n"]}
    return Suite.model_validate(
        {
            "stage": "marts",
            "description": "d",
            "asset": ["marts", "lines"],
            "owner": "team:data-engineering",
            "expectations": [{**common, **e} for e in expectations],
        }
    )


def rule(name: str, sql: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "type": "unexpected_rows", "arguments": {"sql": sql}, **changes}


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("gx") / "warehouse.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute(
            """
            create schema marts;
            create table marts.lines as
            select i as n, i % 7 as kind, case when i % 1000 = 0 then null else 'a' || i end as label,
                   13800000000 + i as phone_number
            from range(1000000) as t(i)
            """
        )
    return file


def run(file: Path, *expectations: dict[str, Any], **arguments: Any) -> list[CheckResult]:
    return run_suite(file, suite(*expectations), {"threads": 2}, **arguments)


def test_a_million_rows_are_counted_right_without_leaving_duckdb(million):
    run(million, rule("warm_up", "select n from {table} where n < 0"))
    started = time.perf_counter()
    found = run(
        million,
        {"name": "labels_are_there", "type": "expect_column_values_to_not_be_null", "arguments": {"column": "label"}},
        {"name": "n_is_unique", "type": "expect_column_values_to_be_unique", "arguments": {"column": "n"}},
        {
            "name": "kinds_are_known",
            "type": "expect_column_values_to_be_in_set",
            "arguments": {"column": "kind", "value_set": [0, 1, 2]},
        },
        {
            "name": "there_are_a_million",
            "type": "expect_table_row_count_to_be_between",
            "arguments": {"min_value": 1_000_000, "max_value": 1_000_000},
        },
        rule("no_label_has_two_ones", "select n from {table} where regexp_matches(label, '^a1{2}')"),
    )
    seconds = time.perf_counter() - started
    assert [(r.check, r.passed, r.unexpected_rows) for r in found] == [
        ("labels_are_there", False, 1000),
        ("n_is_unique", True, 0),
        ("kinds_are_known", False, 571428),
        ("there_are_a_million", True, 0),
        ("no_label_has_two_ones", False, 11111 - 11),
    ]
    assert found[0].examples == [f"n={n}" for n in (0, 1000, 2000, 3000, 4000)]
    # About 0.6 s on two quiet cores; loading the rows into Python would take several times this bound.
    assert seconds < 10


def test_sql_reaches_duckdb_as_it_was_written(million):
    (found,) = run(
        million,
        rule(
            "braces_colons_casts_and_aliases_survive",
            "select x.n from {table} as x join {table} as y using (n) "
            "where x.n < 2 and '12:30:00'::time > time '12:29' and {'a': 1}.a = 1 and x.label is not null",
        ),
    )
    assert (found.unexpected_rows, found.examples) == (1, ["n=1"])


def test_as_of_stands_for_the_day(million):
    sql = "select n from {table} where n = 5 and {as_of} = date '2026-06-30'"
    assert run(million, rule("r", sql), as_of=date(2026, 6, 30))[0].unexpected_rows == 1
    assert run(million, rule("r", sql), as_of=date(2026, 6, 29))[0].unexpected_rows == 0


def test_examples_are_masked_keys_and_nothing_else(million):
    (found,) = run(million, rule("r", "select phone_number, label, n from {table} where n = 7", key=["phone_number"]))
    assert found.examples == ["phone_number=13*******07"]


def test_a_check_that_cannot_run_has_failed_and_shows_no_value(million):
    found = run(
        million,
        rule("no_such_column", "select n from {table} where surprise = 1"),
        rule("no_such_cast", "select n from {table} where cast('13812345678x' as integer) = n"),
        rule("no_such_table", "select n from {table}", table="marts.nothing"),
        rule("sound", "select n from {table} where n < 0"),
    )
    assert [(r.passed, r.unexpected_rows) for r in found] == [(False, -1), (False, -1), (False, -1), (True, 0)]
    assert "surprise" in found[0].observed
    assert "13812345678" not in found[1].observed
    assert found[2].observed == "the table marts.nothing is missing"


def test_severity_owner_and_reason_travel_with_the_result(million):
    (found,) = run(million, rule("r", "select n from {table} where n = 1", severity="warn", owner="team:retail"))
    assert (found.severity, found.owner, found.why, found.blocks) == (
        "warn",
        "team:retail",
        "because it has to be so",
        False,
    )


def test_the_file_is_only_read_and_free_afterwards(million):
    before = million.read_bytes()[:4096], million.stat().st_size
    run(million, rule("r", "select n from {table} where n = 1"))
    assert (million.read_bytes()[:4096], million.stat().st_size) == before
    with duckdb.connect(str(million)) as con:
        assert con.execute("select count(*) from marts.lines").fetchone() == (1_000_000,)
