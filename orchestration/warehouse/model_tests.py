"""The data tests of the models, run as the queries dbt compiled.

What belongs here: reading those queries from the manifest, running them. What does not: what is tested (the models'
yml), and how Dagster shows it (`assets.py`).

dbt pays 16 ms of CPU for each of its tests beside the query, on every run; their SQL is the same on every run.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

# What a test may ask for beside its SQL; dbt's own defaults.
_USUAL = {"fail_calc": "count(*)", "error_if": "!= 0", "warn_if": "!= 0", "limit": None}


@dataclass(frozen=True)
class ModelTest:
    """One data test: the query of the rows that break it, whether they are an error, and the nodes it reads."""

    unique_id: str
    sql: str
    is_error: bool
    reads: frozenset[str]


@dataclass(frozen=True)
class Finding:
    """How many rows break a test."""

    rows: int
    seconds: float


def read_tests(manifest: Mapping[str, Any]) -> list[ModelTest]:
    """The tests of a manifest that `runner.prepare_manifest` made, which compiles them.

    Raises:
        ValueError: a test is configured to pass when it returns rows, or to count them in a way of its own.
    """
    tests = []
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] != "test":
            continue
        config = node["config"]
        if any(config[name] != usual for name, usual in _USUAL.items()):
            raise ValueError(f"{unique_id}: a test of the models is configured by its severity and `where` alone.")
        reads = frozenset(node["depends_on"]["nodes"])
        tests.append(ModelTest(unique_id, node["compiled_code"], config["severity"].lower() == "error", reads))
    return tests


def run_tests(connection: duckdb.DuckDBPyConnection, tests: Iterable[ModelTest]) -> list[Finding]:
    """Count for each test, in their order, the rows that break it."""
    findings = []
    for test in tests:
        started = time.perf_counter()
        counted = connection.execute(f"select count(*) from (\n{test.sql}\n)").fetchone()
        findings.append(Finding(counted[0] if counted else 0, time.perf_counter() - started))
    return findings
