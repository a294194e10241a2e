import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.ingestion.discovery import discover, scan
from orchestration.settings import Settings

CASES = list(csv.DictReader((Path(__file__).parents[1] / "cases" / "landing_paths.csv").open(encoding="utf-8")))


@pytest.mark.parametrize("case", CASES, ids=[case["path"] for case in CASES])
def test_every_path_finds_its_home_or_a_reason(settings: Settings, case: dict[str, str]) -> None:
    path = settings.landing / case["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")

    (found,) = discover(settings)

    assert found.relative == case["path"]
    assert (found.source or "", found.dataset or "", found.format or "") == (
        case["source"],
        case["dataset"],
        case["format"],
    )
    assert (found.problem.reason if found.problem else "") == case["reason"]
    assert (found.home is not None) == (case["reason"] in ("", "unsupported_format"))


@pytest.mark.parametrize(
    "name",
    [
        ".sales.csv.swp",
        ".DS_Store",
        "~$sales.xlsx",
        "sales.csv.tmp",
        "sales.csv.part",
        "_SUCCESS",
        "Thumbs.db",
        "README.md",
    ],
)
def test_hidden_and_unfinished_files_are_ignored_and_counted(
    deliver: Callable[..., Path], settings: Settings, name: str
) -> None:
    deliver(name, "x")
    assert scan(settings).files == []
    assert scan(settings).ignored == 1


def test_a_landing_zone_that_is_not_there_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere does not exist.*C360_LANDING"):
        discover(Settings(landing=tmp_path / "nowhere", _env_file=None))


def test_a_landing_zone_that_is_a_file_names_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"is not a folder.*C360_LANDING"):
        discover(Settings(landing=tmp_path / "file", _env_file=None))


def test_links_out_of_the_landing_zone_are_reported_not_followed(
    deliver: Callable[..., Path], settings: Settings, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "sales.csv").write_text("ticket_id\n1\n")
    day = deliver("members.csv", "x").parent
    (day / "sales.csv").symlink_to(secret / "sales.csv")
    (settings.landing / "ecommerce").symlink_to(secret)
    (day / "sales_inside.csv").symlink_to(day / "members.csv")
    (day / "sales_gone.csv").symlink_to(day / "nothing.csv")

    reasons = {file.relative: file.problem.reason if file.problem else None for file in discover(settings)}

    assert reasons == {
        "ecommerce": "outside_landing",
        "pos/2025-03-14/members.csv": None,
        "pos/2025-03-14/sales.csv": "outside_landing",
        "pos/2025-03-14/sales_gone.csv": "unreadable",
        "pos/2025-03-14/sales_inside.csv": None,
    }


def test_a_circle_of_links_ends(deliver: Callable[..., Path], settings: Settings) -> None:
    day = deliver("sales.csv", "x").parent
    (day / "again").symlink_to(settings.landing)
    (settings.landing / "pos" / "2025-03-15").symlink_to(settings.landing / "pos")
    found = {file.relative: file.problem.reason if file.problem else None for file in discover(settings)}
    assert found["pos/2025-03-14/again"] == "misplaced_file"
    assert found["pos/2025-03-14/sales.csv"] is None


def test_a_pipe_is_reported_and_never_opened(deliver: Callable[..., Path], settings: Settings) -> None:
    day = deliver("members.csv", "x").parent
    os.mkfifo(day / "sales.csv")
    reasons = [file.problem.reason for file in discover(settings) if file.problem]
    assert reasons == ["not_a_file"]


def test_a_name_that_is_no_text_is_shown_with_escapes(settings: Settings) -> None:
    day = settings.landing / "pos" / "2025-03-14"
    day.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(day) + b"/sales_\xb0\xa1.csv")).write_text("x")
    (found,) = discover(settings)
    assert found.relative == "pos/2025-03-14/sales_\\xb0\\xa1.csv"
    assert found.home is not None


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("sales\nERROR all is lost.csv", "sales\\nERROR all is lost.csv"),
        ("sales\x1b[2J.csv", "sales\\x1b[2J.csv"),
        ("sales_\u202evsc.exe.csv", "sales_\\u202evsc.exe.csv"),
        ("sales_\u200b门店.csv", "sales_\\u200b门店.csv"),
        ("sales..\\..\\etc.csv", "sales..\\..\\etc.csv"),
    ],
)
def test_what_a_reader_would_not_see_in_a_name_is_shown(settings: Settings, name: str, seen: str) -> None:
    day = settings.landing / "pos" / "2025-03-14"
    day.mkdir(parents=True)
    (day / name).write_text("x")
    (found,) = discover(settings)
    assert (found.relative, found.dataset) == (f"pos/2025-03-14/{seen}", "sales")


def test_an_unknown_dataset_gets_a_suggestion(deliver: Callable[..., Path], settings: Settings) -> None:
    deliver("sale.csv", "x")
    (found,) = discover(settings)
    assert found.problem is not None
    assert "Did you mean sales?" in found.problem.message
