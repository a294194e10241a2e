"""The query benchmark enlarges a published file without changing what it says, and asks every question."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks.cost import ROOT
from benchmarks.query.enlarge import enlarge
from benchmarks.query.reader import QUESTIONS


@pytest.fixture
def small(tmp_path: Path, declared_marts: str) -> Path:
    """A published file of three customers, of whom two have bought."""
    file = tmp_path / "small.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute(declared_marts)
        con.execute(
            "insert into marts.customer_360 (customer_id, official_tier, net_revenue_12m) "
            "values ('C1', 'gold', 20), ('C2', 'silver', 1), ('C3', 'silver', 0)"
        )
        con.execute(
            "insert into marts.fct_sales (sale_line_id, customer_id, net_amount, purchased_on) "
            "values ('1', 'C1', 20, '2026-06-01'), ('2', 'C2', 1, '2026-06-02'), ('3', null, 5, '2026-06-03')"
        )
        con.execute("create schema identity")
        con.execute("create table identity.customer_xref (source varchar, record_key varchar, customer_id varchar)")
    return file


def test_an_enlarged_file_has_every_customer_as_often_and_keeps_what_is_nobodys(small: Path, tmp_path: Path) -> None:
    large = tmp_path / "large" / "c360.duckdb"
    assert enlarge(small, large, 10) == 12
    with duckdb.connect(str(large), read_only=True) as con:
        by_tier = con.execute(
            "select official_tier, count(*), count(distinct customer_id) from marts.customer_360 group by 1 order by 1"
        ).fetchall()
        assert by_tier == [("gold", 4, 4), ("silver", 8, 8)]
        bought = "select count(*) from marts.fct_sales inner join marts.customer_360 using (customer_id)"
        assert con.execute(bought).fetchall() == [(8,)]
        ids = [row[0] for row in con.execute("select customer_id from marts.fct_sales").fetchall()]
        assert [i for i in ids if i] == sorted(i for i in ids if i)


def test_a_reader_times_all_twelve_questions(small: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    command = [sys.executable, "-m", "benchmarks.query.reader", str(small), "2", "1", str(answer)]
    subprocess.run(command, cwd=ROOT, check=True)
    took = json.loads(answer.read_text(encoding="utf-8"))["took"]
    assert set(took) == {path.stem for path in QUESTIONS.glob("*.sql")}
    assert len(took) == 12
    assert all(len(times) == 2 and min(times) > 0 for times in took.values())
