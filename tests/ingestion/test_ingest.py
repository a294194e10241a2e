import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_quality.contract import Contract, load_contracts
from orchestration.as_of import raw_delivery_dates
from orchestration.database import connect
from orchestration.errors import UserError, WarehouseBusyError
from orchestration.ingestion import discovery, ingest, raw_store
from orchestration.ingestion.engine import how_many
from orchestration.ingestion.ingest import has_new_unplaced_files, new_delivery_dates, record_unplaced
from orchestration.settings import Settings
from tests.ingestion.conftest import Raw
from tests.one_delivery import ingest_partition

Deliver = Callable[..., Path]
DAY = date(2025, 3, 14)
HEADER = "ticket_id,line_no,sold_at,sku,quantity,amount\n"


def sales(*tickets: str) -> str:
    return HEADER + "".join(f"{ticket},1,2025-03-01,S1,1,9.9\n" for ticket in tickets)


def test_raw_has_the_columns_of_the_architecture(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    raw.ingest()
    expected = [
        *load_contracts()["pos_sales"].columns,
        "_extra",
        "_row_error",
        "_raw",
        "_file",
        "_line",
        "_delivery_date",
    ]
    described = {name: kind for name, kind, *_ in raw.query("describe raw.pos_sales")}
    assert list(described) == expected
    assert [described[name] for name in expected[-6:]] == [
        "MAP(VARCHAR, VARCHAR)", "VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "DATE",
    ]  # fmt: skip
    assert raw.query("select ticket_id, _file, _line, _delivery_date from raw.pos_sales") == [
        ("T1", "pos/2025-03-14/sales.csv", 2, DAY)
    ]


def test_deliveries_after_known_on_are_neither_taken_in_nor_shown(
    deliver: Deliver, raw: Any, settings: Settings
) -> None:
    deliver("sales.csv", sales("T1"), day="2025-03-14")
    deliver("sales.csv", sales("T2"), day="2025-03-15")
    days = [date(2025, 3, 14), date(2025, 3, 15)]
    that_night = settings.model_copy(update={"known_on": days[0]})
    assert new_delivery_dates(that_night) == days[:1]
    for day in days:
        raw.ingest(day=day)
    assert raw_delivery_dates(settings) == days
    assert raw_delivery_dates(that_night) == days[:1]
    raw.settings = that_night
    assert raw.query("select ticket_id from raw.pos_sales") == [("T1",)]
    assert raw.query("select delivery_date from raw.files") == [(days[0],)]


def test_a_dataset_that_never_came_is_an_empty_view_with_the_same_columns(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    raw.ingest()
    sales_types = [row[1] for row in raw.query("describe raw.pos_sales")][-6:]
    for table, contract in load_contracts().items():
        described = raw.query(f"describe raw.{table}")
        assert [row[0] for row in described][: len(contract.columns)] == list(contract.columns)
        assert [row[1] for row in described][-6:] == sales_types
    assert raw.query("select count(*) from raw.ecommerce_events") == [(0,)]


def test_several_files_and_days_come_together(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    deliver("sales_store's [*]?\n.csv", sales("T2"))
    deliver("sales.csv", sales("T3"), day="2025-03-15")
    assert new_delivery_dates(raw.settings) == [DAY, date(2025, 3, 15)]
    raw.ingest()
    raw.ingest(day=date(2025, 3, 15))
    assert raw.query("select ticket_id, _delivery_date from raw.pos_sales order by all") == [
        ("T1", DAY), ("T2", DAY), ("T3", date(2025, 3, 15)),
    ]  # fmt: skip


def test_the_same_content_under_two_names_is_read_twice(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    deliver("sales_copy.csv", sales("T1"))
    assert raw.ingest().rows == 2


def test_nothing_is_done_again_for_an_unchanged_delivery(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    first = raw.ingest()
    data = raw.folder() / "data.parquet"
    written = data.stat().st_ino
    second = raw.ingest()
    assert (first.changed, first.files_read) == (True, 1)
    assert (second.changed, second.files_read, second.rows) == (False, 0, 1)
    assert data.stat().st_ino == written
    assert new_delivery_dates(raw.settings) == []


def test_a_touched_file_of_the_same_content_is_not_read_again(deliver: Deliver, raw: Any) -> None:
    path = deliver("sales.csv", sales("T1"))
    raw.ingest()
    os.utime(path, (1, 1))
    assert new_delivery_dates(raw.settings) == []
    assert raw.ingest().changed is False
    assert raw.entry().mtime_ns == path.stat().st_ctime_ns


def test_a_correction_of_the_same_size_and_stamp_is_read_again(deliver: Deliver, raw: Any) -> None:
    for ticket in ("T1", "T2"):
        path = deliver("sales.csv", sales(ticket))
        os.utime(path, (1, 1))
        assert len(new_delivery_dates(raw.settings)) == 1
        assert raw.ingest().changed is True
    assert raw.take_in("ticket_id") == [("T2",)]


def test_force_gives_the_same_rows_again(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1", "T2"))
    before = raw.take_in("*")
    assert raw.ingest(force=True).files_read == 1
    assert raw.stored("*") == before


def test_a_changed_file_replaces_its_rows_and_leaves_the_others(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    deliver("sales_b.csv", sales("T2"))
    raw.ingest()
    deliver("sales.csv", sales("T1", "T9"))
    assert new_delivery_dates(raw.settings) == [DAY]
    assert raw.ingest().files_read == 1
    assert raw.stored("ticket_id") == [("T1",), ("T9",), ("T2",)]


def test_rows_outlive_their_file_in_the_landing_zone(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    raw.ingest()
    (raw.settings.landing / "pos/2025-03-14/sales.csv").unlink()
    assert new_delivery_dates(raw.settings) == []
    deliver("sales_late.csv", sales("T2"))
    raw.ingest()
    assert raw.stored("ticket_id") == [("T1",), ("T2",)]
    shutil.rmtree(raw.settings.landing / "pos")
    assert raw.ingest().rows == 2
    assert raw.query("select count(*) from raw.files") == [(2,)]


def test_a_mended_file_is_released_from_quarantine(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", b"")
    assert [file.reason for file in raw.ingest().quarantined] == ["empty_file"]
    copy = raw.settings.quarantine_dir / "pos/2025-03-14/sales.csv"
    assert copy.exists()
    deliver("sales.csv", sales("T1"))
    assert raw.ingest().quarantined == []
    assert raw.stored("ticket_id") == [("T1",)]
    assert not copy.exists()


def test_a_new_alias_makes_a_quarantined_file_new_again(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1").replace("ticket_id", "凭证流水"))
    contract = load_contracts()["pos_sales"]
    assert [file.reason for file in raw.ingest().quarantined] == ["missing_key_column"]
    learned = Contract.model_validate(
        contract.model_dump()
        | {
            "columns": {
                **contract.model_dump()["columns"],
                "ticket_id": {"type": "identifier", "aliases": ["凭证流水"]},
            }
        }
    )
    result = ingest_partition(raw.settings, learned, DAY)
    assert (result.rows, result.quarantined) == (1, [])


def test_raw_of_an_older_contract_shows_new_columns_as_null(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    raw.ingest()
    data = raw.folder() / "data.parquet"
    duckdb.execute(
        f"copy (select * exclude (phone, _raw) from read_parquet('{data}')) to '{data}.old' (format parquet)"
    )
    Path(f"{data}.old").replace(data)
    assert raw.query("select ticket_id, phone, _raw from raw.pos_sales") == [("T1", None, None)]
    deliver("sales_b.csv", sales("T2"))
    raw.ingest()
    assert raw.stored("ticket_id, phone") == [("T1", None), ("T2", None)]


def test_files_without_a_dataset_are_remembered_once_and_copied(deliver: Deliver, raw: Any) -> None:
    deliver("refunds.csv", "a\n")
    deliver("sales.csv", "a\n", day="2025-02-30")
    deliver("x.csv", "a\n", source="erp")
    assert new_delivery_dates(raw.settings) == []
    assert has_new_unplaced_files(raw.settings)
    found = [(file.file, file.reason) for file in record_unplaced(raw.settings)]
    assert found == [
        ("erp/2025-03-14/x.csv", "unknown_source"),
        ("pos/2025-02-30/sales.csv", "bad_delivery_date"),
        ("pos/2025-03-14/refunds.csv", "unknown_dataset"),
    ]
    assert not has_new_unplaced_files(raw.settings)
    assert (raw.settings.quarantine_dir / "erp/2025-03-14/x.csv").exists()
    assert raw.query("select source, dataset, delivery_date, status from raw.files order by file") == [
        (None, None, DAY, "quarantined"),
        ("pos", "sales", None, "quarantined"),
        ("pos", None, DAY, "quarantined"),
    ]


def test_a_file_that_finds_its_place_later_is_listed_once(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    before = raw.settings.model_copy(update={"first_delivery": date(2025, 4, 1)})
    assert [file.reason for file in record_unplaced(before)] == ["bad_delivery_date"]
    assert raw.ingest().rows == 1
    assert raw.query("select file, status from raw.files") == [("pos/2025-03-14/sales.csv", "read")]
    assert not has_new_unplaced_files(raw.settings)


def test_a_clock_that_was_set_back_is_told_before_anything_is_taken_for_future(
    deliver: Deliver, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2025, 3, 12, 23, 59)  # noqa: DTZ001 - business time

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return moment.replace(tzinfo=tz)

    deliver("sales.csv", sales("T1"))
    raw.ingest()
    monkeypatch.setattr(discovery, "datetime", Clock)
    with pytest.raises(UserError, match="clock it is 2025-03-12 in Asia/Shanghai, and a delivery of 2025-03-14"):
        new_delivery_dates(raw.settings)
    moment += timedelta(minutes=2)
    assert new_delivery_dates(raw.settings) == []


def test_links_out_of_the_landing_zone_are_never_copied(deliver: Deliver, raw: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (deliver("members.csv", "x").parent / "sales.csv").symlink_to(tmp_path / "secret")
    assert [file.reason for file in raw.ingest().quarantined] == ["outside_landing"]
    assert not list(raw.settings.quarantine_dir.rglob("sales.csv"))


def several_days(deliver: Deliver) -> list[date]:
    """Nine days of sales, of which the second brings two files and the fifth a damaged one."""
    days = [DAY + timedelta(days=number) for number in range(9)]
    for number, day in enumerate(days):
        deliver("sales.csv", sales(*(f"T{number}-{ticket}" for ticket in range(50))), day=day.isoformat())
    deliver("sales_more.csv", sales("T1-more"), day=days[1].isoformat())
    deliver("sales.parquet", b"PAR1 and no more", day=days[4].isoformat())
    return days


@pytest.mark.parametrize(
    ("threads", "memory", "deliveries", "engines"),
    [
        (8, "4GB", 720, 4),
        (2, "4GB", 720, 2),
        (8, "4GB", 3, 3),
        (8, "600MB", 720, 2),
        (8, "100MB", 720, 1),
        (8, "4GB", 0, 1),
    ],
)
def test_as_many_are_taken_in_at_once_as_cores_and_memory_allow(
    settings: Settings, threads: int, memory: str, deliveries: int, engines: int
) -> None:
    limited = settings.model_copy(update={"threads": threads, "memory_limit": memory})
    assert how_many(limited, deliveries) == engines


@pytest.mark.parametrize("threads", [1, 3])
def test_partitions_taken_in_together_hold_what_each_alone_would(
    deliver: Deliver, raw: Any, settings: Settings, tmp_path: Path, threads: int
) -> None:
    days = several_days(deliver)
    together = Raw(settings.model_copy(update={"warehouse": tmp_path / "together", "threads": threads}))
    found = together.ingest_all()
    alone = [raw.ingest(day=day) for day in days]
    assert [replace(result, seconds=0.0) for result in found] == [replace(result, seconds=0.0) for result in alone]
    rows = "select * exclude (_extra) from raw.pos_sales order by _file, _line"
    assert together.query(rows) == raw.query(rows)
    assert len(raw.query(rows)) == 9 * 50 + 1
    assert [result.changed for result in together.ingest_all()] == [False] * 9


def test_a_fault_in_one_of_several_partitions_ends_the_run_and_leaves_no_half_partition(
    deliver: Deliver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = several_days(deliver)
    raw = Raw(settings.model_copy(update={"threads": 2}))
    write = ingest.write_manifest

    def full_on_the_third(folder: Path, manifest: Any) -> None:
        if days[2].isoformat() in folder.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(folder, manifest)

    with monkeypatch.context() as full:
        full.setattr(ingest, "write_manifest", full_on_the_third)
        with pytest.raises(UserError, match=f"raw pos_sales of {days[2]} .*No space left"):
            raw.ingest_all()
    taken_in = {day for (day,) in raw.query("select distinct _delivery_date from raw.pos_sales")}
    assert days[0] in taken_in
    assert days[2] not in taken_in
    assert sum(result.rows for result in raw.ingest_all()) == 9 * 50 + 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_unreadable(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1")).chmod(0)
    assert [file.reason for file in raw.ingest().quarantined] == ["unreadable"]


def test_a_file_that_vanishes_while_it_is_taken_in_is_unreadable(deliver: Deliver, raw: Any) -> None:
    path = deliver("sales.csv", sales("T1"))
    files = ingest.discover(raw.settings)
    path.unlink()
    assert [file.reason for file in raw.ingest(files=files).quarantined] == ["unreadable"]


def test_a_full_disk_says_what_failed_and_leaves_the_old_partition(
    deliver: Deliver, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver("sales.csv", sales("T1"))
    before = raw.take_in("*")
    deliver("sales.csv", sales("T1", "T2"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ingest, "read_file", full)
    with pytest.raises(UserError, match=r"raw pos_sales of 2025-03-14.*No space left.*published file"):
        raw.ingest()
    assert raw.stored("*") == before
    assert list(raw.settings.temp_dir.iterdir()) == []


def test_duckdb_running_out_of_disk_is_a_user_error_too(
    deliver: Deliver, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver("sales.csv", sales("T1"))

    def full(*_: object) -> None:
        raise duckdb.IOException("IO Error: Could not write all bytes to file: No space left on device")

    monkeypatch.setattr(ingest, "read_file", full)
    with pytest.raises(UserError, match="No space left"):
        raw.ingest()


@pytest.mark.parametrize("crash", ["before the swap", "between", "after"])
def test_a_crash_while_a_partition_is_replaced_is_mended(deliver: Deliver, raw: Any, crash: str) -> None:
    deliver("sales.csv", sales("T1"))
    before = raw.take_in("*")
    folder: Path = raw.folder()
    new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    if crash == "before the swap":
        new.mkdir()
    elif crash == "between":
        shutil.copytree(folder, new)
        folder.rename(old)
    else:
        shutil.copytree(folder, old)
    raw.ingest()
    assert raw.stored("*") == before
    assert not new.exists()
    assert not old.exists()


def test_two_processes_never_write_raw_at_once(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    with raw_store.writing_alone(raw.settings), pytest.raises(WarehouseBusyError, match="Another process"):
        raw.ingest()
    assert raw.ingest().rows == 1


def test_a_damaged_manifest_says_what_to_do(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    raw.ingest()
    (raw.folder() / "manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"manifest.json is damaged.*Delete the folder"):
        raw.ingest()


def test_everything_is_rebuilt_from_raw_alone(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1"))
    deliver("odd.csv", "x")
    raw.ingest()
    query = "select * from raw.files order by file"
    before = raw.query(query), raw.query("select * from raw.pos_sales")
    raw.settings.database.unlink()
    assert (raw.query(query), raw.query("select * from raw.pos_sales")) == before


def test_a_warehouse_path_with_quotes_and_patterns_works(deliver: Deliver, raw: Any, tmp_path: Path) -> None:
    deliver("sales.csv", sales("T1"))
    raw.settings = raw.settings.model_copy(update={"warehouse": tmp_path / "it's [a] *warehouse"})
    raw.ingest()
    assert raw.query("select ticket_id from raw.pos_sales") == [("T1",)]


def test_a_folder_that_is_named_like_a_column_changes_no_value_of_it(
    deliver: Deliver, raw: Any, tmp_path: Path
) -> None:
    raw.settings = raw.settings.model_copy(update={"warehouse": tmp_path / "sku=S9" / "delivery_date=2020-01-01"})
    deliver("sales.csv", sales("T1"))
    raw.ingest()
    deliver("sales_b.csv", sales("T2"))
    raw.ingest()
    query = "select ticket_id, sku, _delivery_date from raw.pos_sales order by 1"
    assert raw.query(query) == [("T1", "S1", DAY), ("T2", "S1", DAY)]


def test_refreshing_views_gives_one_row_per_file(deliver: Deliver, raw: Any) -> None:
    deliver("sales.csv", sales("T1") + "broken\n")
    deliver("sales_b.csv", b"")
    raw.ingest()
    with connect(raw.settings) as con:
        assert raw_store.refresh_raw_views(con, raw.settings) == 2
        assert con.execute("select rows, bad_rows, status from raw.files order by file").fetchall() == [
            (2, 1, "read"),
            (0, 0, "quarantined"),
        ]
