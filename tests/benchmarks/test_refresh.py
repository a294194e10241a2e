"""The refresh benchmark counts every step once, and its rivals do the same job."""

from datetime import date
from pathlib import Path

from benchmarks.refresh import floor
from benchmarks.refresh.__main__ import _by_stage
from benchmarks.refresh.stage import _slowest_models
from seeds.generate import generate


def test_every_step_belongs_to_one_stage() -> None:
    names = ("python", "raw__pos_sales", "raw_gate", "clean__names", "identity__records", "warehouse", "end", "else")
    stages = _by_stage([{"name": name, "seconds": 1, "cpu_seconds": 2} for name in names])
    assert sum(cost["seconds"] for cost in stages.values()) == len(names)
    assert stages["gates"] == stages["other"] == {"seconds": 1.0, "cpu_seconds": 2.0}


def test_the_slowest_models_are_read_from_the_lines_of_dbt() -> None:
    log = [
        "3 of 9 START sql table model marts.a ... [RUN]",
        "3 of 9 OK created sql table model marts.a .. [OK in 0.12s]",
    ]
    assert _slowest_models(log) == [{"name": "marts.a", "seconds": 0.12}]


def test_the_floor_and_pandas_find_the_same_customers(tmp_path: Path) -> None:
    generate(tmp_path / "landing", people=60, lines=400, days=2, seed=3, end=date(2026, 6, 30), profile="default")
    assert floor.with_duckdb(tmp_path) == floor.with_pandas(tmp_path) > 0
