"""What is lost comes back: a backup taken during a refresh, and everything built again from raw."""

import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from orchestration.publication.diff import content_checksums

EXTRACTS = Path(__file__).parents[2] / "seeds" / "extracts"
LATE = max(folder.name for folder in EXTRACTS.glob("*/20*"))
CURRENT = Path("serving") / "current" / "c360.duckdb"


def deliver(landing: Path, *, late: bool) -> None:
    for folder in EXTRACTS.glob("*/20*"):
        if late == (folder.name == LATE):
            shutil.copytree(folder, landing / folder.parent.name / folder.name, dirs_exist_ok=True)


@pytest.mark.slow
def test_a_backup_during_a_refresh_and_a_rebuild_from_raw_give_what_was_published(tmp_path, c360, refresh, published):
    landing, warehouse = tmp_path / "landing", tmp_path / "warehouse"
    deliver(landing, late=False)
    refresh(landing, warehouse)
    found = json.loads(
        c360("quarantine", "list", "--reason", "zero:quantity", "--json", "--warehouse", warehouse).stdout
    )
    (entry,) = found["entries"]
    released = c360("quarantine", "release", entry["entry_id"], "--why", "a free sample", "--warehouse", warehouse)
    assert released.returncode == 0, released.stderr

    deliver(landing, late=True)
    backups: list[subprocess.CompletedProcess[str]] = []
    beside = threading.Thread(
        target=lambda: backups.append(c360("backup", tmp_path / "backup", "--warehouse", warehouse, timeout=3600))
    )
    beside.start()
    refreshed = c360("refresh", "--landing", landing, "--warehouse", warehouse, timeout=3600)
    beside.join()
    (taken,) = backups
    assert (refreshed.returncode, taken.returncode) == (0, 0), refreshed.stderr + taken.stderr
    bi = published(warehouse)
    status = f"select status, resolution from quality.quarantine where entry_id = '{entry['entry_id']}'"
    assert bi.rows(status) == [("released", "by_hand")]
    assert bi.one("select count(*) from marts.fct_sales where quantity = 0") == 1

    elsewhere = tmp_path / "elsewhere"
    assert c360("restore", tmp_path / "backup", "--warehouse", elsewhere).returncode == 0
    versions = json.loads(c360("versions", "--verify", "--json", "--warehouse", elsewhere).stdout)
    assert all(version["intact"] for version in versions)
    for version in versions:
        (at,) = warehouse.glob(f"serving/versions/{version['version']}/c360.duckdb")
        assert content_checksums(Path(version["file"])) == content_checksums(at)

    before = content_checksums(warehouse / CURRENT)
    rebuilt = c360("rebuild", "--warehouse", warehouse, timeout=3600)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert content_checksums(warehouse / CURRENT) == before
    assert json.loads(c360("diff", "--json", "--warehouse", warehouse).stdout)["same"]
