import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import openpyxl
import pytest

from data_quality.contract import load_contracts
from orchestration.ingestion.assets import assets
from orchestration.partitions import delivery_dates
from orchestration.resources import Warehouse

Deliver = Callable[..., Path]
HEADER = "ticket_id,line_no,sold_at,sku,quantity,amount\n"


@pytest.fixture
def environment(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_LANDING", str(raw.settings.landing))
    monkeypatch.setenv("C360_WAREHOUSE", str(raw.settings.warehouse))


def run(selection: list[str], first: str | None = None, last: str | None = None) -> dg.ExecuteInProcessResult:
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last} if first else {}
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            assets,
            selection=[dg.AssetKey(["raw", name]) for name in selection],
            resources={"warehouse": Warehouse()},
            tags={key: str(value) for key, value in tags.items()},
            instance=instance,
        )


def metadata(result: dg.ExecuteInProcessResult, day: str | None = None) -> dict[str, Any]:
    (event,) = [e for e in result.get_asset_materialization_events() if day is None or e.partition == day][:1]
    return {key: value.value for key, value in event.materialization.metadata.items()}


def test_there_is_one_raw_asset_per_contract_and_one_for_files() -> None:
    keys = {asset.key.to_user_string() for asset in assets}
    assert keys == {f"raw/{table}" for table in load_contracts()} | {"raw/files"}
    for asset in assets:
        (spec,) = asset.specs
        assert spec.group_name == "raw"
        assert spec.owners == ["team:data-engineering"]
        assert str(spec.description).rstrip(".").rpartition("Grain: ")[2].startswith("delivered")
        partitioned = spec.key.path[-1] != "files"
        assert (asset.partitions_def == delivery_dates) is partitioned


@pytest.mark.usefixtures("environment")
def test_a_range_reads_only_the_days_on_which_something_came_and_each_day_shows_its_own_counts(
    deliver: Deliver, raw: Any
) -> None:
    deliver("sales.csv", HEADER + "T1,1,2025,S1,1,9\nbroken\n")
    deliver("sales.csv", HEADER + "T2,1,2025,S1,1,9\n", day="2025-03-12")
    deliver("sales.csv", HEADER + "T3,1,2025,S1,1,9\n", day="2025-03-01")
    deliver("sales_b.csv", "")
    first = run(["pos_sales"], "2025-03-10", "2025-03-20")
    found = metadata(first, "2025-03-14")
    assert (found["dagster/row_count"], found["deliveries"]) == (2, 1)
    assert metadata(first, "2025-03-12")["dagster/row_count"] == 1
    assert metadata(first, "2025-03-13")["deliveries"] == 0
    assert found["rows_that_cannot_be_split"] == 1
    assert found["files_quarantined"] == 1
    assert "empty_file" in found["quarantined_files"]
    assert raw.query("select ticket_id from raw.pos_sales where ticket_id is not null order by 1") == [("T1",), ("T2",)]
    again = metadata(run(["pos_sales"], "2025-03-10", "2025-03-20"), "2025-03-14")
    assert (again["dagster/row_count"], again["deliveries_changed"], again["files_read_now"]) == (2, 0, 0)


@pytest.mark.usefixtures("environment")
def test_a_day_without_deliveries_is_no_failure() -> None:
    found = metadata(run(["ecommerce_events"], "2025-03-14", "2025-03-14"))
    assert (found["dagster/row_count"], found["deliveries"]) == (0, 0)


@pytest.mark.usefixtures("environment")
def test_the_list_of_files_names_those_without_a_dataset(deliver: Deliver) -> None:
    deliver("sales.csv", HEADER + "T1,1,2025,S1,1,9\n")
    deliver("refunds.csv", "x")
    deliver(".hidden", "x")
    run(["pos_sales"], "2025-03-14", "2025-03-14")
    found = metadata(run(["files"]))
    assert found["dagster/row_count"] == 2
    assert (found["files_without_a_dataset"], found["files_ignored"], found["rows_delivered"]) == (1, 1, 1)


@pytest.mark.usefixtures("environment")
def test_a_run_warns_of_sheets_that_were_left_out(deliver: Deliver, capfd: pytest.CaptureFixture[str]) -> None:
    book = openpyxl.Workbook()
    header = HEADER.strip().split(",")
    for row in (header, ["T1", 1, "2025-03-01", "S1", 1, 9]):
        book.active.append(row)
    book.create_sheet("returns").append([*header, "why"])
    book.save(out := io.BytesIO())
    deliver("sales.xlsx", out.getvalue(), day="2025-03-12")
    run(["pos_sales"], "2025-03-10", "2025-03-20")
    assert "sales.xlsx: Only sheet 'Sheet' was read; not read: 'returns'." in capfd.readouterr().err
