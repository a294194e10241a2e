"""The page on a run's quality: one file, no network, nobody's data, whatever the sources wrote."""

import re
from datetime import date
from pathlib import Path

import pytest

from data_quality.suite import load_suites
from orchestration import database
from orchestration.gates.gate import check_stage, report_file
from orchestration.gates.report import write_report
from orchestration.settings import Settings

AS_OF = date(2026, 6, 30)


def page(settings: Settings, path: Path) -> str:
    with database.connect(settings, read_only=True) as con:
        write_report(con, path, run_id="run1", as_of=AS_OF, title="Quality of version 1")
    return path.read_text(encoding="utf-8")


def test_a_gate_leaves_a_page_that_names_what_failed_and_who_is_asked(settings: Settings, change):
    change("update raw.files set status = 'quarantined', reason = 'truncated_archive' where dataset = 'members'")
    check_stage(settings, load_suites()["raw"], "run1", as_of=AS_OF)
    written = report_file(settings).read_text(encoding="utf-8")
    assert "no file was quarantined" in written
    assert "file=pos/2026-06-29/members.csv, reason=truncated_archive" in written
    assert "team:data-engineering" in written
    assert "5 of 6 checks passed, 1 warn, 0 stand against publication." in written


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ('"><img src=x onerror=alert(1)>', "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;"),
        ("call 13812345678", "call 13*******78"),
        ("zhang@example.com", "z***@***"),
        ("11010519491231002X", "11**************2X"),
    ],
)
def test_what_came_from_outside_is_masked_and_escaped(settings: Settings, change, tmp_path: Path, written, shown):
    change(f"update quality.drift set message = '{written}'")
    found = page(settings, tmp_path / "quality.html")
    assert shown in found
    assert written not in found


def test_the_page_needs_no_network_and_runs_nothing(settings: Settings, tmp_path: Path):
    found = page(settings, tmp_path / "quality.html")
    assert not re.findall(r"https?://|<script|<link|<img|url\(|@import", found)
    assert "default-src 'none'" in found
    assert found.count("<html") == 1


def test_a_loss_is_loud(settings: Settings, change, tmp_path: Path):
    change("update quality.conservation set is_balanced = false, message = 'one row lost' where hop = 'raw_to_clean'")
    found = page(settings, tmp_path / "quality.html")
    assert '<td>raw ► clean</td><td class="n">7</td><td class="n red">7</td><td>one row lost</td>' in found


def test_a_run_that_stopped_early_has_a_page_too(settings: Settings, change, tmp_path: Path):
    for table in ("conservation", "deliveries", "quarantine", "drift"):
        change(f"drop table quality.{table}")
    assert "0 of 0 checks passed" in page(settings, tmp_path / "quality.html")
