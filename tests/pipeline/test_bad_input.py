"""Bad input the whole way: a clear reason, quarantine, the good rows published; never a traceback or a loss."""

import fcntl
import gzip
from pathlib import Path

import pytest

DAY = "2026-06-01"
HEADER = "ticket_id,line_no,sold_at,sku,quantity,amount\n"
GOOD = "T1,1,2026-05-30 10:00:00,A1,1,10.00\nT2,1,2026-05-31 10:00:00,A1,2,20.00\n"


def deliver(landing: Path, name: str, content: bytes, source: str = "pos") -> None:
    file = landing / source / DAY / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


@pytest.fixture(scope="module")
def bad_landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good file and every kind of bad one beside it."""
    landing = tmp_path_factory.mktemp("bad") / "landing"
    deliver(landing, "sales.csv", (HEADER + GOOD).encode())
    deliver(landing, "sales_empty.csv", b"")
    deliver(landing, "sales_header.csv", HEADER.encode())
    deliver(landing, "sales_cut.csv.gz", gzip.compress((HEADER + GOOD * 500).encode())[:-40])
    deliver(landing, "sales_utf16.csv", (HEADER + GOOD).encode("utf-16"))
    deliver(landing, "sales_nokey.csv", b"line_no,sold_at,sku,quantity,amount\n1,2026-05-30,A1,1,10\n")
    deliver(landing, "sales_twice.csv", HEADER.replace("sku", "sku,sku").encode() + b"T9,1,2026-05-30,A,B,1,10\n")
    deliver(landing, "sales_extra.csv", HEADER.replace("\n", ",weather\n").encode() + b"T3,1,2026-05-30,A1,1,30,rain\n")
    long_line = b"T4,1,2026-05-30," + b"x" * (40 << 20) + b",1,40\nT5,1,2026-05-30,A1,1,50.00\n"
    deliver(landing, "sales_long.csv", HEADER.encode() + long_line)
    rows = "T6,1,2026-02-30 10:00,A1,1,60\nT7,1,2026-05-30,A1,1,a lot\nT8,1,2026-05-30,A1,0,80\n,1,2026-05-30,A1,1,90\n"
    deliver(landing, "sales_rows.csv", (HEADER + rows).encode())
    deliver(landing, "weather.csv", b"day,rain\n2026-05-30,yes\n")
    deliver(landing, "sales_picture.parquet", b"\x89PNG not parquet at all")
    deliver(landing, "stock.csv", b"a,b\n1,2\n", source="erp")
    return landing


@pytest.fixture(scope="module")
def bad_warehouse(bad_landing: Path, refresh) -> Path:
    warehouse = bad_landing.parent / "warehouse"
    refresh(bad_landing, warehouse)
    return warehouse


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("sales_empty.csv", "empty_file"),
        ("sales_cut.csv.gz", "truncated_archive"),
        ("sales_utf16.csv", "bad_encoding"),
        ("sales_nokey.csv", "missing_key_column"),
        ("sales_twice.csv", "duplicate_column"),
        ("weather.csv", "unknown_dataset"),
        ("sales_picture.parquet", "wrong_format"),
        ("stock.csv", "unknown_source"),
    ],
)
def test_a_file_that_cannot_be_read_goes_to_quarantine_whole(bad_warehouse, published, file, reason):
    found = published(bad_warehouse).rows(
        f"select level, reasons from quality.quarantine where file like '%/{file}' and level = 'file'"
    )
    assert found == [("file", [reason])]


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("sales_long.csv", 2, "row_too_long"),
        ("sales_rows.csv", 2, "unreadable:sold_at"),
        ("sales_rows.csv", 3, "unreadable:amount"),
        ("sales_rows.csv", 4, "zero:quantity"),
        ("sales_rows.csv", 5, "missing:ticket_id"),
    ],
)
def test_a_bad_row_goes_to_quarantine_with_its_line_and_reason(bad_warehouse, published, file, line, reason):
    found = published(bad_warehouse).rows(
        f"select reasons from quality.quarantine where file like '%/{file}' and line_number = {line}"
    )
    assert found == [([reason],)]


def test_the_good_rows_are_published_and_everything_balances(bad_warehouse, published):
    bi = published(bad_warehouse)
    tickets = [ticket for (ticket,) in bi.rows("select order_id from marts.fct_sales order by order_id")]
    assert tickets == ["T1", "T2", "T3", "T5"]
    assert (
        bi.rows(
            "select dataset, delivery_date from quality.deliveries where rows_received <> "
            "rows_loaded + rows_superseded + rows_repeated + rows_quarantined or amount_received <> "
            "amount_loaded + amount_superseded + amount_repeated + amount_quarantined"
        )
        == []
    )


def test_a_corrected_file_releases_what_it_replaces(bad_landing, bad_warehouse, refresh, published):
    rows = "T6,1,2026-02-28 10:00,A1,1,60\nT7,1,2026-05-30,A1,1,70\nT8,1,2026-05-30,A1,8,80\nT9,1,2026-05-30,A1,1,90\n"
    corrected = bad_landing / "pos" / "2026-06-02" / "sales_rows.csv"
    corrected.parent.mkdir(parents=True)
    corrected.write_text(HEADER + rows, encoding="utf-8")
    refresh(bad_landing, bad_warehouse)
    open_rows = published(bad_warehouse).one(
        "select count(*) from quality.quarantine where file like '%sales_rows.csv' and status = 'open' "
        "and not list_contains(reasons, 'missing:ticket_id')"
    )
    assert open_rows == 0
    assert published(bad_warehouse).one("select sum(amount) from marts.fct_sales where order_id = 'T7'") == 70


def test_a_landing_folder_that_is_not_there_is_said_plainly(tmp_path, c360):
    done = c360("refresh", "--landing", tmp_path / "nowhere", "--warehouse", tmp_path / "warehouse")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "C360_LANDING" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_warehouse_that_another_run_holds_is_said_plainly(tmp_path, c360):
    landing, warehouse = tmp_path / "landing", tmp_path / "warehouse"
    deliver(landing, "sales.csv", (HEADER + GOOD).encode())
    warehouse.mkdir()
    with (warehouse / "run.lock").open("w") as held:
        held.write("4242")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        done = c360("refresh", "--landing", landing, "--warehouse", warehouse)
    assert done.returncode == 2
    assert "4242" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_warehouse_that_is_no_folder_is_said_plainly(tmp_path, c360):
    landing, warehouse = tmp_path / "landing", tmp_path / "warehouse"
    deliver(landing, "sales.csv", (HEADER + GOOD).encode())
    warehouse.write_text("not a folder", encoding="utf-8")
    done = c360("refresh", "--landing", landing, "--warehouse", warehouse)
    assert done.returncode == 2
    assert str(warehouse) in done.stderr
    assert "C360_WAREHOUSE" in done.stderr
    assert "Traceback" not in done.stderr
