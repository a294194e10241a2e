"""A backup holds a warehouse as it was at one moment, and comes back as it was or not at all."""

import json
import os
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration import database
from orchestration.errors import UserError, WarehouseBusyError
from orchestration.publication.backup import MANIFEST_NAME, back_up, restore
from orchestration.publication.diff import content_checksums
from orchestration.publication.publish import publish
from orchestration.publication.rebuild import start_afresh
from orchestration.publication.rollback import hold_in_force, rollback
from orchestration.publication.versions import current_version, list_versions, verify
from orchestration.run_lock import RunLock
from orchestration.settings import Settings

DAY = "raw/pos/members/delivery_date=2026-06-29"


@pytest.fixture(scope="module")
def template(sound_warehouse, tmp_path_factory):
    """A warehouse with a delivery, customer ids, a decision and a published version, to copy."""
    root = tmp_path_factory.mktemp("lived_in") / "warehouse"
    shutil.copytree(sound_warehouse, root)
    settings = Settings(_env_file=None, landing=root, warehouse=root)
    folder = settings.warehouse / DAY
    folder.mkdir(parents=True)
    duckdb.execute(f"copy (select 'M1' as member_id) to '{folder / 'data.parquet'}'")
    (folder / "manifest.json").write_text('{"files": []}')
    (settings.warehouse / "identity").mkdir()
    (settings.warehouse / "identity" / "customer_xref.parquet").write_bytes(b"ids")
    settings.decisions_dir.mkdir()
    (settings.decisions_dir / "quarantine.csv").write_text("decided")
    publish(settings, as_of=date(2026, 6, 30), run_id="run0", fingerprint="f1")
    with database.connect(settings) as con:
        # The small warehouse holds raw as tables, to be tampered with; in a real one they are views of the raw store.
        for (table,) in con.execute("select table_name from duckdb_tables() where schema_name = 'raw'").fetchall():
            if table != "files":
                con.execute(f"drop table raw.{table}")
    return root


@pytest.fixture
def settings(template, tmp_path):
    shutil.copytree(template, tmp_path / "warehouse", symlinks=True)
    return Settings(_env_file=None, landing=tmp_path / "landing", warehouse=tmp_path / "warehouse")


@pytest.fixture
def elsewhere(tmp_path):
    return Settings(_env_file=None, landing=tmp_path / "landing", warehouse=tmp_path / "elsewhere")


def test_a_backup_comes_back_with_every_table_as_it_was_published(settings, elsewhere, tmp_path):
    taken = back_up(settings, tmp_path / "backup")
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    done = restore(elsewhere, tmp_path / "backup", expect=taken.seal)
    assert done.moved_aside is None
    before, after = current_version(settings), current_version(elsewhere)
    assert after.id == before.id
    verify(after)
    assert content_checksums(after.file) == content_checksums(before.file)
    assert after.file.stat().st_mode & 0o222 == 0
    for name in (f"{DAY}/data.parquet", "identity/customer_xref.parquet", "decisions/quarantine.csv"):
        assert (elsewhere.warehouse / name).read_bytes() == (settings.warehouse / name).read_bytes()
    shutil.rmtree(settings.raw_dir)
    with database.connect(elsewhere, read_only=True) as con:
        assert con.execute("select member_id from raw.pos_members").fetchall() == [("M1",)], "views read their own raw"
        assert con.execute("select count(*) from identity.customers").fetchone() == (2,)
    assert not list(elsewhere.temp_dir.glob("*-*"))


def test_a_backup_is_of_one_moment_whatever_happens_to_the_warehouse_later(settings, elsewhere, tmp_path, publish_now):
    first = current_version(settings)
    back_up(settings, tmp_path / "backup")
    (settings.warehouse / "identity" / "customer_xref.parquet").write_bytes(b"other ids")
    publish_now()
    restore(elsewhere, tmp_path / "backup")
    assert [v.id for v in list_versions(elsewhere)] == [first.id]
    assert (elsewhere.warehouse / "identity" / "customer_xref.parquet").read_bytes() == b"ids"


def test_a_backup_waits_for_the_run_and_says_who_runs(settings, tmp_path):
    with RunLock(settings), pytest.raises(WarehouseBusyError, match=str(os.getpid())):
        back_up(settings, tmp_path / "backup", wait=0.1)
    assert back_up(settings, tmp_path / "backup").manifest.files, "what was begun is taken over"


def test_a_warehouse_that_holds_something_is_replaced_only_by_force_and_moved_aside(settings, tmp_path, publish_now):
    first = current_version(settings)
    back_up(settings, tmp_path / "backup")
    second = publish_now()
    (settings.decisions_dir / "quarantine.csv").write_text("decided since")
    with pytest.raises(UserError, match="--force"):
        restore(settings, tmp_path / "backup")
    assert current_version(settings) == second
    done = restore(settings, tmp_path / "backup", force=True)
    assert current_version(settings) == first
    assert {v.id for v in list_versions(settings)} == {first.id, second.id}
    assert (settings.decisions_dir / "quarantine.csv").read_text() == "decided"
    assert (done.moved_aside / "decisions" / "quarantine.csv").read_text() == "decided since"


def test_a_rollback_outlives_backup_and_restore(settings, elsewhere, tmp_path, publish_now):
    publish_now()
    rollback(settings, None, by="wang", why="wrong")
    back_up(settings, tmp_path / "backup")
    restore(elsewhere, tmp_path / "backup")
    assert hold_in_force(elsewhere) == hold_in_force(settings) is not None


def _change_a_byte(backup: Path) -> None:
    with (backup / "files" / DAY / "data.parquet").open("r+b") as file:
        file.seek(10)
        file.write(b"!")


def _lose_a_file(backup: Path) -> None:
    (backup / "files" / "identity" / "customer_xref.parquet").unlink()


def _lead_outside(backup: Path) -> None:
    path = backup / "files" / "identity" / "customer_xref.parquet"
    path.unlink()
    path.symlink_to("/etc/hostname")


def _name_a_place_outside(backup: Path) -> None:
    told = json.loads((backup / MANIFEST_NAME).read_text())
    told["files"][0]["path"] = "raw/../../outside"
    (backup / MANIFEST_NAME).write_text(json.dumps(told))


def _cut_short(backup: Path) -> None:
    (backup / "INCOMPLETE").touch()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_change_a_byte, "checksum differs"),
        (_lose_a_file, "lacks identity/customer_xref.parquet"),
        (_lead_outside, "tampered"),
        (_name_a_place_outside, "no place in a warehouse"),
        (_cut_short, "cut short"),
        (lambda backup: (backup / MANIFEST_NAME).write_text("{"), "damaged"),
        (lambda backup: (backup / MANIFEST_NAME).unlink(), "no backup"),
    ],
)
def test_a_damaged_backup_changes_nothing(settings, elsewhere, tmp_path, harm, said):
    back_up(settings, tmp_path / "backup")
    harm(tmp_path / "backup")
    with pytest.raises(UserError, match=said):
        restore(elsewhere, tmp_path / "backup")
    assert current_version(elsewhere) is None
    assert not elsewhere.raw_dir.exists()
    assert not (tmp_path / "outside").exists()


def test_a_changed_manifest_is_found_by_the_checksum_noted_elsewhere(settings, elsewhere, tmp_path):
    taken = back_up(settings, tmp_path / "backup")
    told = json.loads((tmp_path / "backup" / MANIFEST_NAME).read_text())
    (tmp_path / "backup" / MANIFEST_NAME).write_text(json.dumps(told))
    with pytest.raises(UserError, match="not the one that was written"):
        restore(elsewhere, tmp_path / "backup", expect=taken.seal)


def test_a_backup_goes_into_a_folder_of_its_own(settings, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "photo.jpg").touch()
    with pytest.raises(UserError, match="holds something already"):
        back_up(settings, tmp_path / "full")
    with pytest.raises(UserError, match="lie in each other"):
        back_up(settings, settings.warehouse / "backup")
    with pytest.raises(UserError, match="nothing to back up"):
        back_up(Settings(_env_file=None, landing=tmp_path, warehouse=tmp_path / "none"), tmp_path / "b")


def test_a_rebuild_starts_from_an_empty_database_that_remembers_the_checks(settings):
    with database.connect(settings, read_only=True) as con:
        checked = con.execute("select count(*) from quality.check_results").fetchone()
    aside = start_afresh(settings)
    with database.connect(settings, read_only=True) as con:
        assert con.execute("select count(*) from quality.check_results").fetchone() == checked
        assert con.execute("select count(*) from information_schema.tables").fetchone() == (1,)
    assert aside.exists()
    aside.write_bytes(b"damaged")
    aside.rename(settings.database)
    start_afresh(settings)
    with database.connect(settings, read_only=True) as con:
        (kept,) = con.execute("select count(*) from quality.check_results").fetchone()
    assert 0 < kept <= checked[0], "of a damaged database the published version tells the history"


def test_there_is_no_rebuild_without_raw(elsewhere):
    with pytest.raises(UserError, match="nothing to rebuild from"):
        start_afresh(elsewhere)
