"""The refresh benchmark counts every step once, and its rivals do the same job."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from benchmarks.aims import as_lines
from benchmarks.cost import ended, exponent, failures, in_words, of_python
from benchmarks.refresh import floor, in_pandas
from benchmarks.refresh.agreement import compare
from benchmarks.refresh.page import _aims, by_stage, stage_in_words
from benchmarks.refresh.stage import _slowest_models
from seeds.generate import generate


def test_every_step_belongs_to_one_stage() -> None:
    names = ("python", "raw__pos_sales", "raw_gate", "clean__names", "identity__records", "warehouse", "end", "else")
    stages = by_stage([{"name": name, "seconds": 1, "cpu_seconds": 2} for name in names])
    assert sum(cost["seconds"] for cost in stages.values()) == len(names)
    assert stages["gates"] == stages["other"] == {"seconds": 1.0, "cpu_seconds": 2.0, "peak_mb": 0}


def test_a_stage_held_the_most_that_any_of_its_steps_held() -> None:
    held = {"raw__pos_sales": 10, "raw__pos_members": None, "raw__files": 30, "warehouse": 20}
    steps = [{"name": name, "seconds": 1, "cpu_seconds": 1, "peak_mb": mb} for name, mb in held.items()]
    stages = by_stage(steps)
    assert (stages["ingestion"]["peak_mb"], stages["warehouse (dbt)"]["peak_mb"]) == (30, 20)
    assert stage_in_words(stages["ingestion"]) == "3.0 / 3.0, 30 MB"


def test_aims_are_judged_at_the_largest_size_and_say_what_was_not_measured() -> None:
    def run(lines: int, seconds: float, **rivals: float) -> dict[str, Any]:
        costs = {"full": seconds, **rivals}
        return {"lines": lines, **{n: {"seconds": s, "cpu_seconds": s, "peak_mb": 9000} for n, s in costs.items()}}

    small, large = run(10, 5.0, pandas=60.0, floor=1.0), run(100, 50.0, floor=20.0)
    assert [(aim.found, aim.holds) for aim in _aims([small, large])] == [
        ("2.50", True),
        ("9.00 GB", False),
        ("12.00", True),
        ("1.00", True),
    ]
    (of_floor, _, of_pandas, growth) = _aims([run(10, 5.0)])
    assert {of_floor.holds, of_pandas.holds, growth.holds} == {None}
    assert "| not measured |" in as_lines([growth])[-2]


def test_the_slowest_models_are_read_from_the_lines_of_dbt() -> None:
    log = [
        "3 of 9 START sql table model marts.a ... [RUN]",
        "3 of 9 OK created sql table model marts.a .. [OK in 0.12s]",
    ]
    assert _slowest_models(log) == [{"name": "marts.a", "seconds": 0.12}]


def test_the_floor_and_pandas_say_the_same_of_every_customer(tmp_path: Path) -> None:
    generate(tmp_path / "landing", people=60, lines=400, days=2, seed=3, end=date(2026, 6, 30), profile="default")
    assert floor.run(tmp_path) > 0
    in_frames = in_pandas.run(tmp_path)
    with duckdb.connect(str(tmp_path / floor.FILE), read_only=True) as con:
        from_sql = con.execute("from customer_360").df()
    assert set(in_frames.columns) == set(from_sql.columns)
    in_frames, from_sql = (frame.sort_values("customer_id", ignore_index=True) for frame in (in_frames, from_sql))
    for column in from_sql.columns:
        left, right = from_sql[column], in_frames[column]
        if pd.api.types.is_numeric_dtype(left):
            same = (left.astype(float) - right.astype(float)).abs().lt(0.01) | (left.isna() & right.isna())
        else:
            same = left.astype("string").eq(right.astype(left.dtype).astype("string")) | (left.isna() & right.isna())
        assert same.all(), column


def test_agreement_compares_customers_of_whom_both_know_the_same_records(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "floor").mkdir()
    published = tmp_path / "c360.duckdb"
    with duckdb.connect() as con:
        con.execute(
            "copy (select * from (values "
            "('pos.members', 'M1', 'p1', true, true), ('pos.members', 'M2', 'p2', true, true), "
            "('pos.members', 'M3', 'p2', true, true)) as t(source, record_key, person_id, loaded, identified)) "
            f"to '{tmp_path}/truth/records.parquet'"
        )
        money = "as t(customer_id, orders, gross_revenue, net_revenue, cases)"
        con.execute(f"attach '{tmp_path / floor.FILE}' as f; attach '{published}' as o")
        con.execute(
            f"create table f.customer_360 as from (values ('p1', 2, 9.0, 8.0, 1), ('p2', 5, 7.0, 7.0, 0)) {money}"
        )
        con.execute("create schema o.marts; create schema o.identity")
        con.execute(
            "create table o.identity.customer_xref as from (values ('pos.members', 'M1', 'C1'), "
            "('pos.members', 'M2', 'C2'), ('pos.members', 'M3', 'C3')) as t(source, record_key, customer_id)"
        )
        con.execute(
            f"create table o.marts.customer_360 as from (values ('C1', 2, 9.0, 7.5, 1), ('C2', 9, 0.0, 0.0, 0), "
            f"('C3', 9, 0.0, 0.0, 0)) {money}"
        )
    found = compare(tmp_path, published)
    assert (found["people"], found["compared"]) == (2, 1)
    assert found["equal"] == {"orders": 1.0, "gross_revenue": 1.0, "net_revenue": 0.0, "cases": 1.0}


def test_a_rival_that_takes_too_long_is_stopped_with_all_it_started_and_says_so() -> None:
    cost = of_python("sleeper", ["-c", "import subprocess; subprocess.run(['sleep', '60'])"], limit=0.5)
    assert cost["stopped_after"] == 0.5
    assert cost["seconds"] < 20
    assert in_words(cost).startswith("stopped after")
    assert not ended(cost)


def test_a_rival_that_fails_is_a_result_with_its_last_words() -> None:
    cost = of_python("broken", ["-c", "raise SystemExit('no such table: a model\\n  LINE 2\\n    ^')"])
    assert in_words(cost) == "failed: no such table: a model"
    assert failures("the rival", cost, None, {"stopped_after": 3}) == ["the rival: no such table: a model"]


def test_a_cost_that_doubles_with_the_size_grows_with_its_first_power() -> None:
    assert exponent([(1, 3.0), (2, 6.0), (4, 12.0)]) == 1.0
