"""The committed small delivery is what the code writes, and holds what its README says."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from seeds.generator.extracts import CASES_DIR, EXTRACTS_DIR, write_extracts, write_facts


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extracts")
    write_facts(write_extracts(folder / "landing"), folder / "cases")
    return folder


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((CASES_DIR / "extracts_expected.json").read_text(encoding="utf-8"))
    return facts


def _content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.glob("*/*/*"))}


def test_writing_again_gives_the_committed_bytes(written: Path) -> None:
    committed, fresh = _content(EXTRACTS_DIR), _content(written / "landing")
    assert set(committed) == set(fresh)
    assert [name for name in committed if committed[name] != fresh[name]] == []
    for name in ("extracts_expected.json", "extracts_truth.csv"):
        assert (CASES_DIR / name).read_bytes() == (written / "cases" / name).read_bytes()


def test_the_readme_states_the_expected_figures(expected: dict[str, Any]) -> None:
    readme = (EXTRACTS_DIR / "README.md").read_text(encoding="utf-8")
    for dataset, rows in expected["rows"].items():
        source, _, name = dataset.rpartition("_")
        cells = " | ".join(str(rows[s]) for s in ("loaded", "superseded", "repeated", "quarantined"))
        assert f"| {source}/{name} | {cells} |" in readme
    for measure, value in expected["revenue"].items():
        assert f"| {measure.replace('_', ' ')} (CNY) | {value} |" in readme
    assert f"| customers | {expected['customers']} |" in readme
    assert f"| open bad rows | {expected['quarantine_open']} |" in readme
    assert f"| released bad rows | {expected['quarantine_released']} |" in readme


def test_rows_in_the_files_are_the_rows_expected(expected: dict[str, Any], read_extract: Any) -> None:
    plain = {"gb18030", "utf-8-sig"}
    counted: dict[str, int] = dict.fromkeys(expected["rows"], 0)
    for path in sorted(EXTRACTS_DIR.glob("*/*/*")):
        name = path.relative_to(EXTRACTS_DIR).as_posix()
        if name in expected["files_quarantined"]:
            continue
        dataset = f"{path.parts[-3]}_{path.name.split('.')[0].split('_')[0]}"
        for encoding in ("utf-8-sig", "gb18030"):
            try:
                counted[dataset] += len(read_extract(path, encoding))
                break
            except UnicodeDecodeError:
                assert encoding in plain
    assert counted == {dataset: sum(rows.values()) for dataset, rows in expected["rows"].items()}


def test_the_cut_archive_cannot_be_read_and_its_second_delivery_can() -> None:
    with pytest.raises(EOFError):
        gzip.decompress((EXTRACTS_DIR / "pos/2026-03-02/sales_store0398.csv.gz").read_bytes())
    again = gzip.decompress((EXTRACTS_DIR / "pos/2026-03-05/sales_store0398.csv.gz").read_bytes())
    assert again.decode("utf-8").count("T900000") == 3


def test_the_kiosk_file_lacks_its_key_and_gets_it_later() -> None:
    first, later = (
        (EXTRACTS_DIR / f"pos/{day}/members_kiosk.csv").read_text(encoding="utf-8").splitlines()[0]
        for day in ("2026-03-02", "2026-03-05")
    )
    assert "会员号" not in first
    assert "会员号" in later


def test_the_planted_people_are_told_apart_in_the_truth() -> None:
    with (CASES_DIR / "extracts_truth.csv").open(encoding="utf-8", newline="") as file:
        person = {(r["source"], r["record_key"]): r["person"] for r in csv.DictReader(file)}
    zhang = {
        ("pos.members", "M90000001"),
        ("ecommerce.customers", "A90000001"),
        ("call_center.cases", "C90000001"),
        ("pos.sales", "T90000002"),
        ("call_center.surveys", "Q90000001"),
    }
    assert {person[record] for record in zhang} == {"zhang_wei"}
    pairs = [("M90000002", "M90000003"), ("M90000004", "M90000005"), ("M90000006", "M90000007")]
    assert all(person["pos.members", a] != person["pos.members", b] for a, b in pairs)
    assert person["pos.members", "M90000011"] != person["ecommerce.customers", "A90000011"]
    assert person["pos.sales", "T90000007"] == ""
