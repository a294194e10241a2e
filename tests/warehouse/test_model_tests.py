"""Tests of models run outside dbt are dbt's tests."""

import json
from typing import Any

import duckdb
import pytest

from orchestration.settings import Settings
from orchestration.warehouse import runner
from orchestration.warehouse.model_tests import ModelTest, read_tests, run_tests


def test_every_test_of_the_models_can_be_run_outside_dbt() -> None:
    manifest = json.loads(runner.prepare_manifest(Settings()).read_bytes())
    declared = {name for name, node in manifest["nodes"].items() if node["resource_type"] == "test"}
    tests = read_tests(manifest)
    assert {test.unique_id for test in tests} == declared
    assert all("select" in test.sql for test in tests)


@pytest.mark.parametrize(("setting", "value"), [("error_if", ">10"), ("fail_calc", "sum(n)"), ("limit", 5)])
def test_a_test_that_would_be_read_wrongly_is_refused(setting: str, value: object) -> None:
    config = {"severity": "ERROR", "fail_calc": "count(*)", "error_if": "!= 0", "warn_if": "!= 0", "limit": None}
    node: dict[str, Any] = {"resource_type": "test", "config": {**config, setting: value}}
    with pytest.raises(ValueError, match=r"test\.a"):
        read_tests({"nodes": {"test.a": node}})


def test_rows_that_break_a_test_are_counted() -> None:
    sqls = ("select 1 where false", "select n from range(3) as t(n) -- a remark at the end")
    tests = [ModelTest(sql, sql, True, frozenset()) for sql in sqls]
    with duckdb.connect() as con:
        assert [found.rows for found in run_tests(con, tests)] == [0, 3]
