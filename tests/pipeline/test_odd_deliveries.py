"""Odd but honest deliveries, in a zone with summer time, and a disk that fills up: nothing is lost, nothing half."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.test_killed_runs import is_whole

C360 = Path(sys.executable).with_name("c360")
HEADER = "ticket_id,line_no,sold_at,store_id,sku,quantity,amount\n"


def tickets(first: int, last: int, sold_at: str) -> str:
    return HEADER + "".join(f"T{n},1,{sold_at},0301,A1,1,10.00\n" for n in range(first, last))


def refresh(landing: Path, warehouse: Path, largest_file: int | None = None) -> "subprocess.CompletedProcess[str]":
    """`c360 refresh` in New York; with `largest_file` no file may grow past so many bytes, as on a full disk."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("C360_", "DAGSTER_"))}

    def limited() -> None:
        if largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.run(
        [str(C360), "refresh", "--landing", str(landing), "--warehouse", str(warehouse)],
        env={**environment, "C360_TIMEZONE": "America/New_York"},
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_odd_deliveries_lose_nothing_and_a_full_disk_publishes_nothing(tmp_path: Path, published) -> None:
    landing, warehouse = tmp_path / "landing", tmp_path / "warehouse"
    deliveries = {
        "2026-03-07/sales.csv": tickets(0, 100, "2026-03-06 10:00"),
        # Nine tenths are missing, and the same file came twice under two names.
        "2026-03-08/sales.csv": tickets(100, 110, "2026-03-07 10:00"),
        "2026-03-08/sales_copy.csv": tickets(100, 110, "2026-03-07 10:00"),
        # A month that was closed long ago.
        "2026-03-08/sales_late.csv": tickets(200, 205, "2025-12-15 10:00"),
        # Local times that do not exist and that exist twice, and the last second of a year in two zones.
        "2026-03-08/sales_clock.csv": HEADER
        + "C1,1,2026-03-08 02:30:00,0301,A1,1,10\nC2,1,2025-11-02 01:30:00,0301,A1,1,10\n"
        + "C3,1,2025-12-31 23:59:59,0301,A1,1,10\nC4,1,2026-01-01T04:59:59Z,0301,A1,1,10\n"
        + "C5,1,2026-01-01T05:00:00Z,0301,A1,1,10\n",
    }
    for name, content in deliveries.items():
        path = landing / "pos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (landing / "pos" / "2026-03-08" / "sales_gone.csv").symlink_to("nowhere.csv")

    done = refresh(landing, warehouse)
    assert done.returncode == 0, done.stderr[-3000:]
    assert is_whole(warehouse)
    bi = published(warehouse)
    assert bi.rows("select sum(rows_received), sum(rows_loaded), sum(rows_repeated) from quality.deliveries") == [
        (130, 120, 10)
    ]
    assert bi.rows("select reasons from quality.quarantine") == [(["unreadable"],)]
    assert bi.one("select count(*) from marts.fct_sales") == 120
    days = dict(
        bi.rows("select order_id, purchased_at::date::varchar from marts.fct_sales where order_id like 'C%' order by 1")
    )
    assert days == {
        "C1": "2026-03-08",
        "C2": "2025-11-02",
        "C3": "2025-12-31",
        "C4": "2025-12-31",
        "C5": "2026-01-01",
    }
    version = (warehouse / "serving" / "current").readlink()

    (landing / "pos" / "2026-03-09").mkdir()
    (landing / "pos" / "2026-03-09" / "sales.csv").write_text(tickets(300, 400, "2026-03-08 10:00"), encoding="utf-8")
    full = refresh(landing, warehouse, largest_file=1_000_000)
    assert full.returncode == 2, full.stderr[-3000:]
    assert "Traceback" not in full.stderr
    assert (warehouse / "serving" / "current").readlink() == version
    assert is_whole(warehouse)
