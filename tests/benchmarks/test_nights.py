"""A night of the benchmark brings new rows of its own day, and some late ones."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from benchmarks.nights.__main__ import _goes_on
from benchmarks.nights.delivery import deliver
from benchmarks.nights.page import page

COLUMNS = "'' as _extra, '' as _row_error, '' as _raw, '' as _file, 1 as _line, date '2026-06-30' as _delivery_date"
TABLES = {
    "pos/sales": "'T' || i as ticket_id, '1' as line_no, '2026-05-01 10:00:' || (10 + i % 50) as sold_at",
    "pos/members": "'M' || i as member_id, '2024年5月1日' as registered_at",
    "ecommerce/orders": "'O' || i as order_id, '2026-05-01 10:00:00' as ordered_at",
    "ecommerce/customers": "'A' || i as account_id, '2024-05-01' as registered_at",
    "ecommerce/events": "'E' || i as event_id, '1767225600' as occurred_at",
    "call_center/cases": "'K' || i as case_id, '2026-05-01 10:00' as opened_at, 'x' as first_response_at, "
    "'y' as resolved_at",
}


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    for dataset, columns in TABLES.items():
        folder = tmp_path / "warehouse" / "raw" / dataset / "delivery_date=2026-06-30"
        folder.mkdir(parents=True)
        rows = f"select {columns}, {COLUMNS} from range(2000) as rows(i)"
        duckdb.sql(f"copy ({rows}) to '{folder / 'data.parquet'}' (format parquet)")
    return tmp_path / "warehouse"


def test_a_night_brings_its_share_under_new_keys_dated_on_the_night(warehouse: Path, tmp_path: Path) -> None:
    lines = deliver(warehouse, tmp_path / "landing", date(2026, 7, 1), 0.25)
    assert 800 < lines < 1200
    sales = duckdb.sql(f"from read_csv('{tmp_path}/landing/pos/2026-07-01/sales.csv', all_varchar = true)")
    assert sales.columns == ["ticket_id", "line_no", "sold_at"]
    keys, of_the_day, late = duckdb.sql(
        "select count(distinct ticket_id) filter (ticket_id like 'N0701T%'), "
        "count(*) filter (sold_at like '2026-07-01%'), count(*) filter (sold_at like '2026-05-01%') from sales"
    ).fetchall()[0]
    assert keys == of_the_day + late
    assert 0 < late < of_the_day / 10
    cases = duckdb.sql(f"from read_csv('{tmp_path}/landing/call_center/2026-07-01/cases.csv', all_varchar = true)")
    assert cases.filter("first_response_at is not null or resolved_at is not null").fetchall() == []
    assert {row[0] for row in cases.project("opened_at").fetchall()} == {"2026-07-01 12:00:00"}


def test_two_nights_bring_different_rows(warehouse: Path, tmp_path: Path) -> None:
    for day in (date(2026, 7, 1), date(2026, 7, 2)):
        deliver(warehouse, tmp_path / "landing", day, 0.25)
    first, second = (
        {row[0][5:] for row in duckdb.sql(f"select ticket_id from '{tmp_path}/landing/pos/{day}/sales.csv'").fetchall()}
        for day in ("2026-07-01", "2026-07-02")
    )
    assert len(first & second) < 0.5 * len(first)


def cost(seconds: float, **more: Any) -> dict[str, Any]:
    steps = [
        {"name": "plan: what is new", "seconds": 2.0, "cpu_seconds": 2.0, "peak_mb": 50, "due": []},
        {"name": "clean__pos_sales", "seconds": seconds - 2, "cpu_seconds": seconds - 2, "peak_mb": 70, **more},
    ]
    told = {"seconds": seconds, "cpu_seconds": seconds, "peak_mb": 70, "load_average": 1.0}
    return {**told, "steps": [{"due": [], **step} for step in steps]}


def test_the_page_of_nights_judges_the_aim_without_the_start_and_tells_what_was_due() -> None:
    due = [{"asset": "clean/pos_sales", "said": {"rows_due": 3400, "full_because": ""}}]
    night = {"news": "0.3%", "new_lines": 12, **cost(6.0, due=due)}
    full = cost(102.0, due=[{"asset": "clean/pos_sales", "said": {"full_because": "nothing is kept"}}])
    machine = {"cpus": 2, "memory_gb": 4, "python": "3", "duckdb": "1", "memory_limit": "default"}
    told = page(machine, [{"lines": 4000, "days": 3, "full": full, "nights": [night]}])
    assert "| 0.04 | yes |" in told
    assert (
        "| clean__pos_sales | 100.0; pos_sales: full_because nothing is kept | 4.0; pos_sales: rows_due 3,400 |" in told
    )


def test_nights_go_on_where_they_were_broken_off_and_begin_anew_where_they_cannot(tmp_path: Path) -> None:
    nights = [("the same news", 0.1), ("1.0%", 0.01)]
    run = {"full": cost(9.0), "nights": [{"news": "the same news", **cost(5.0)}]}
    assert not _goes_on(None, nights, tmp_path)
    assert not _goes_on(run, nights, tmp_path)
    (tmp_path / "serving" / "current").mkdir(parents=True)
    assert _goes_on(run, nights, tmp_path)
    assert not _goes_on(run, [("1.0%", 0.01)], tmp_path)
    assert not _goes_on({**run, "full": {"failed": "no disk"}}, nights, tmp_path)
