"""How commands speak: one JSON document, faults with their status, progress that says how long it takes still."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from orchestration import cli_progress
from orchestration.cli import app
from orchestration.cli_progress import TimeLeft, duration, progress
from orchestration.progress import StepShares
from orchestration.publication.versions import switch_to
from orchestration.settings import PROJECT_ROOT, Settings
from tests.published_versions import lay_down


def c360(*arguments: str, warehouse: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "from orchestration.cli import main; main()", *arguments],
        cwd=PROJECT_ROOT,
        env={"PATH": "/usr/bin", "C360_WAREHOUSE": str(warehouse), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_fault_is_a_document_on_stdout_words_on_stderr_and_a_status(tmp_path: Path) -> None:
    ended = c360("customer", "C1", "--json", warehouse=tmp_path)
    fault = json.loads(ended.stdout)
    assert ended.returncode == fault["exit_status"] == 2
    assert "run `c360 refresh` first" in fault["error"]
    assert fault["error"] in ended.stderr
    assert "\x1b" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("prune", "--days", "0"), "'--days'"),
        (("review", "decide", "pos.members:M1"), "right"),
        (("diff", "--nonsense"), "--nonsense"),
        (("nonsense",), "nonsense"),
    ],
)
def test_a_wrong_option_is_a_document_too(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    ended = c360(*arguments, "--json", warehouse=tmp_path)
    fault = json.loads(ended.stdout)
    assert ended.returncode == fault["exit_status"] == 2
    assert said in fault["error"].casefold()
    assert "Usage:" in ended.stderr


def test_a_setting_that_cannot_be_is_a_fault_to_mend(tmp_path: Path) -> None:
    ended = c360("status", "--json", warehouse=tmp_path, C360_TIMEZONE="Mars/Olympus")
    assert ended.returncode == json.loads(ended.stdout)["exit_status"] == 2
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", [("status",), ("diff", "2026", "2026"), ("export", "all")])
def test_a_damaged_published_file_is_named_with_the_way_out(command: tuple[str, ...], own_settings: Settings) -> None:
    version = lay_down(own_settings, "create table customers as select range as customer from range(100000)")
    switch_to(own_settings, version)
    whole = version.file.read_bytes()
    version.file.chmod(0o644)
    version.file.write_bytes(whole[: len(whole) // 2])
    ended = c360(*command, "--json", warehouse=own_settings.warehouse)
    fault = json.loads(ended.stdout)
    assert ended.returncode == fault["exit_status"] == 2
    assert str(version.file) in fault["error"]
    assert "c360 rebuild" in fault["error"]
    assert "Traceback" not in ended.stderr


def test_an_empty_list_is_a_list(own_settings: Settings) -> None:
    told = CliRunner().invoke(app, ["versions", "--json", "--warehouse", str(own_settings.warehouse)])
    assert json.loads(told.stdout) == []


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"customer360 {version('customer360')}\n"


def test_away_from_a_terminal_each_step_is_a_line_with_the_time_of_day_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(cli_progress.time, "monotonic", lambda: now[0])
    with progress("loading") as report:
        for second, what, share in [(40.0, "begins", 0.0), (60.0, "a quarter", 0.25), (100.0, "done", 1.0)]:
            now[0] = second
            report(what, share)
    lines = capsys.readouterr().err.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in lines)
    assert [line[20:] for line in lines] == [
        "loading",
        "  0% after 0:40: begins",
        " 25% after 1:00, about 1:00 left: a quarter",
        "100% after 1:40: done",
    ]


def test_many_small_pieces_are_told_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("copying", every=60) as report:
        for number in range(100):
            report(f"file {number}", number / 100)
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_what_a_step_does_to_stderr_does_not_hide_how_it_goes(tmp_path: Path) -> None:
    elsewhere = (
        "import os\nfrom orchestration.cli_progress import progress\n"
        "with progress('loading') as report:\n"
        f"    os.dup2(os.open({str(tmp_path / 'elsewhere')!r}, os.O_CREAT | os.O_WRONLY), 2)\n"
        "    report('step', 0.5)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", elsewhere], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert "step" in ended.stderr
    assert (tmp_path / "elsewhere").read_text() == ""


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli_progress, "err", Console(stderr=True, force_terminal=True, width=120))
    with progress("loading") as report:
        report("step", 0.5)
    assert "50%" in capsys.readouterr().err


def test_what_passes_after_a_report_comes_off_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(cli_progress.time, "monotonic", lambda: now[0])
    left = TimeLeft()
    left.report(0.0)
    assert left.seconds() is None
    now[0] = 10.0
    left.report(0.5)
    now[0] = 14.0
    assert left.seconds() == 6.0
    now[0] = 99.0
    assert left.seconds() == 0.0


@pytest.mark.parametrize(("seconds", "clock"), [(0.4, "0:00"), (42, "0:42"), (725, "12:05"), (3723, "1:02:03")])
def test_seconds_are_shown_as_a_clock(seconds: float, clock: str) -> None:
    assert duration(seconds) == clock


def test_the_share_of_a_run_goes_by_what_its_steps_took_last_time(tmp_path: Path) -> None:
    (tmp_path / "step_seconds.json").write_text('{"raw": 1.0, "warehouse": 3.0}', encoding="utf-8")
    shares = StepShares(tmp_path, ["raw", "warehouse"])
    assert shares.ended("raw") == 0.25
    assert shares.ended("warehouse") == 1.0
    shares.keep()
    assert set(json.loads((tmp_path / "step_seconds.json").read_text(encoding="utf-8"))) == {"raw", "warehouse"}


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"raw": "long"}'])
def test_a_damaged_memory_of_the_last_run_is_none(tmp_path: Path, kept: str) -> None:
    (tmp_path / "step_seconds.json").write_text(kept, encoding="utf-8")
    shares = StepShares(tmp_path, ["raw__a", "warehouse"])
    assert 0 < shares.ended("raw__a") < 0.5


@pytest.mark.parametrize("command", [("status",), ("versions",), ("alerts",)])
def test_a_warehouse_that_is_a_file_holds_nothing(command: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "warehouse"
    file.write_bytes(b"")
    ended = c360(*command, "--json", warehouse=file)
    assert ended.returncode == 0, ended.stderr
    json.loads(ended.stdout)


def test_a_warehouse_without_a_working_database_says_what_makes_one(tmp_path: Path) -> None:
    ended = c360("review", "list", "--json", warehouse=tmp_path)
    assert ended.returncode == 2
    assert "run c360 refresh first" in json.loads(ended.stdout)["error"]
