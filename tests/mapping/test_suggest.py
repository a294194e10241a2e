"""Files of other systems, with headers as those write them, and what is proposed for them."""

import csv
import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data_quality.contract import load_contracts
from orchestration.cli import app
from orchestration.errors import UserError
from orchestration.mapping.proposal import Proposal, suggest
from orchestration.settings import PROJECT_ROOT, Settings

CASES = PROJECT_ROOT / "tests" / "cases" / "foreign_headers.csv"
PERSONAL = ("13812345670", "anna@example.com", "李安", "11010119900307123X", "南京东路")


@dataclass(frozen=True)
class Export:
    name: str
    table: str
    headers: list[str]
    rows: list[list[str]]
    columns: dict[str, str]


def exports() -> Iterator[Export]:
    with CASES.open(encoding="utf-8", newline="") as file:
        for name, group in groupby(csv.DictReader(file), key=lambda row: row["export"]):
            rows = list(group)
            yield Export(
                name,
                rows[0]["table"],
                [row["header"] for row in rows],
                [list(values) for values in zip(*(row["values"].split("|") for row in rows), strict=True)],
                {row["header"].strip(): row["column"] for row in rows},
            )


EXPORTS = {export.name: export for export in exports()}


def written(export: Export, folder: Path) -> Path:
    path = folder / "export.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([export.headers, *export.rows])
    return path


@pytest.fixture(scope="module")
def proposals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Proposal]:
    settings = Settings(_env_file=None)
    return {name: suggest(settings, written(export, tmp_path_factory.mktemp(name))) for name, export in EXPORTS.items()}


@pytest.mark.parametrize("name", EXPORTS)
def test_the_dataset_is_guessed_and_every_header_finds_its_column(name: str, proposals: dict[str, Proposal]) -> None:
    proposal, export = proposals[name], EXPORTS[name]
    assert proposal.contract.table == export.table
    taken = {m.header: m.column if m.verdict in ("known", "likely") else "" for m in proposal.matches}
    assert taken == export.columns


@pytest.fixture
def own_contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Contracts that may be changed, in place of those of the project."""
    folder = Path(shutil.copytree(Settings(_env_file=None).contracts_dir, tmp_path / "contracts"))
    monkeypatch.setattr(Settings, "contracts_dir", folder)
    return folder


def called(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["contract", "suggest", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_what_is_written_makes_the_headers_known_and_nothing_shows_a_person(
    own_contracts: Path, tmp_path: Path
) -> None:
    file = written(EXPORTS["youzan"], tmp_path)
    before = (own_contracts / "ecommerce_orders.yml").read_text(encoding="utf-8")
    shown = called(str(file), "--write")
    assert "Written: data_quality/contracts/ecommerce_orders.yml (7 aliases)" in shown
    after = (own_contracts / "ecommerce_orders.yml").read_text(encoding="utf-8")
    assert after.splitlines()[0] == before.splitlines()[0], "the comment above the contract stays"
    load_contracts.cache_clear()
    found = json.loads(called(str(file), "--json"))
    assert {m["verdict"] for m in found["headers"] if m["column"]} == {"known"}
    assert (found["aliases"], found["missing"]) == ({}, [])
    assert not any(value in shown for value in PERSONAL)


def test_a_person_decides_what_the_proposal_does_not_know(own_contracts: Path, tmp_path: Path) -> None:
    file = written(EXPORTS["shopify_orders"], tmp_path)
    decided = ["--map", "Name=order_id", "--map", "Vendor=category", "--map", "Financial Status="]
    found = json.loads(called(str(file), *decided, "--write", "--json"))
    assert found["aliases"]["order_id"] == ["Name"]
    assert found["aliases"]["category"] == ["Vendor"]
    assert found["aliases_removed"] == {"receiver_name": ["name"]}
    assert "Financial Status" not in str(found["aliases"])
    assert found["missing"] == ["line_no"] + (["status"] if "status" in found["missing"] else [])
    load_contracts.cache_clear()
    orders = load_contracts(own_contracts)["ecommerce_orders"]
    assert [orders.column_of_header(h) for h in ("Name", "Vendor")] == ["order_id", "category"]


def test_rows_without_a_required_value_are_foretold(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "Name,Id,Created at,Lineitem sku,Lineitem quantity,Total,Financial Status\n"
        "#1001,51,2026-05-02 10:11,CUP-1,2,100,paid\n#1001,,2026-05-02 10:11,POT-1,1,,\n",
        encoding="utf-8",
    )
    proposal = suggest(Settings(_env_file=None), file)
    assert proposal.empty == {"order_id": 0.5, "amount": 0.5, "status": 0.5}
    assert "Name" in proposal.filled_instead["order_id"]
    assert proposal.missing == ["line_no"]


def test_what_cannot_be_read_is_shown_by_its_shape(tmp_path: Path) -> None:
    file = tmp_path / "sales.csv"
    rows = "".join(f"T{n},1,2026-05-0{n},A,1,5\n" for n in range(1, 6)) + "T9,1,05/13/2026 9:15 PM,A,1,$5.00\n"
    file.write_text("ticket_id,line_no,sold_at,sku,quantity,amount\n" + rows, encoding="utf-8")
    evidence = {m.header: m.evidence for m in suggest(Settings(_env_file=None), file).matches}
    assert "not read: 99/99/9999 9:99 AA" in evidence["sold_at"]
    assert "not read: $9.99" in evidence["amount"]
    assert "83% read as timestamp" in evidence["sold_at"]


def test_a_header_below_titles_in_a_packed_gbk_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "report.csv.gz"
    text = "六月销售报表\n导出时间：2026-07-01\n\n小票编码号;明细行;收银日期;货品编号;销售总件数;实收货款\n"
    file.write_bytes(gzip.compress((text + "X1;1;2026-06-02;A1;2;5.5\n" * 3).encode("gbk")))
    proposal = suggest(Settings(_env_file=None), file)
    assert (proposal.contract.table, proposal.missing, proposal.rows) == ("pos_sales", [], 3)


@pytest.mark.parametrize(
    ("name", "text", "options", "said"),
    [
        ("people.csv", "M1,13812345670,2020-01-02\nM2,13812345671,2020-01-03\n", [], "holds values, not headers"),
        ("people.xls", "x", [], "ends in none of"),
        ("empty.csv", "", [], "empty_file"),
        ("sales.csv", "a,b\n1,2\n", ["--source", "shop"], "No source is called 'shop'"),
        ("sales.csv", "a,b\n1,2\n", ["--dataset", "sale"], "No contract is for any source/sale"),
        ("sales.csv", "a,b\n1,2\n", ["--map", "c=sku"], "The file has no header 'c'"),
        ("sales.csv", "a,b\n1,2\n", ["--map", "sku"], "write HEADER=COLUMN"),
        ("sales.csv", "a,b\n1,2\n", ["--map", "a=sku", "--map", "b=sku", "--dataset", "sales"], "Choose one"),
    ],
)
def test_a_mistake_is_named(name: str, text: str, options: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        CliRunner().invoke(app, ["contract", "suggest", str(tmp_path / name), *options], catch_exceptions=False)
