"""Raw is kept as long as the policy says, and as long as a rebuild needs it."""

from datetime import date
from pathlib import Path

import pytest

from data_quality.contract import load_contracts
from orchestration import database
from orchestration.cleaning import ledger, quarantine
from orchestration.cleaning.retention import first_day_kept, old_deliveries, prune, raw_days_kept
from orchestration.cleaning.tables import clean_table
from orchestration.errors import UserError
from orchestration.ingestion.ingest import new_delivery_dates
from orchestration.ingestion.raw_store import refresh_raw_views
from orchestration.settings import Settings
from tests.one_delivery import ingest_partition

CONTRACT = load_contracts()["pos_members"]


def night(settings: Settings) -> list[tuple[object, ...]]:
    """Take in what is new and clean all of raw; gives the loaded members."""
    for day in new_delivery_dates(settings):
        ingest_partition(settings, CONTRACT, day)
    with database.connect(settings) as con:
        refresh_raw_views(con, settings)
        clean_table(con, settings, CONTRACT)
        ledger.build(con)
        quarantine.build(con, settings)
        assert ledger.unbalanced(con) == []
        return con.execute("select * exclude (_file, _line) from clean.pos_members order by 1").fetchall()


def test_only_what_no_rebuild_needs_is_dropped_and_it_does_not_come_back(own_settings, land):
    land("2026-01-01", "M1,张三,13800000000\n")
    land("2026-01-02", "M1,张三丰,13800000000\n")
    land("2026-01-03", "M1,张三风,13800000000\n")
    land("2026-01-04", "M2,李四,13800000001\n,无号,13800000002\n")
    land("2026-01-05", "M1,张三疯,13800000000\n")
    before = night(own_settings)
    with database.connect(own_settings, read_only=True) as con:
        found = old_deliveries(con, own_settings, date(2026, 1, 5))
    assert [(d.delivery_date.day, d.needed) for d in found] == [
        (1, "first named a record"),
        (2, None),
        (3, None),
        (4, "rows are loaded"),
    ]
    freed = prune(own_settings, [d for d in found if d.needed is None])
    assert freed == sum(d.bytes for d in found if d.needed is None) > 0
    assert new_delivery_dates(own_settings) == []
    assert night(own_settings) == before
    with database.connect(own_settings, read_only=True) as con:
        days = con.execute("select distinct day(delivery_date) from quality.deliveries order by 1").fetchall()
        assert [day for (day,) in days] == [1, 4, 5]
        assert [d.delivery_date.day for d in old_deliveries(con, own_settings, date(2026, 1, 5))] == [1, 4]


def test_a_row_that_waits_in_quarantine_is_needed(own_settings, land):
    land("2026-01-01", ",无号,13800000002\n")
    land("2026-01-02")
    night(own_settings)
    with database.connect(own_settings, read_only=True) as con:
        (old,) = old_deliveries(con, own_settings, date(2026, 1, 2))
    assert old.needed == "rows wait in quarantine"


def test_nothing_is_judged_before_the_first_run(own_settings):
    with database.connect(own_settings) as con, pytest.raises(UserError, match="c360 refresh"):
        old_deliveries(con, own_settings, date(2026, 1, 2))


def test_the_project_keeps_all_of_raw():
    assert raw_days_kept(Settings(_env_file=None).policy_dir, date(2026, 6, 30)) is None
    assert first_day_kept(date(2026, 6, 30), 1) == date(2026, 6, 30)


@pytest.mark.parametrize(
    ("rows", "kept"),
    [("raw_days_kept,400,2000-01-01,w", 400), ("raw_days_kept,9,2000-01-01,w\nraw_days_kept,all,2026-01-01,w", None)],
)
def test_the_newest_row_in_force_counts(tmp_path: Path, rows: str, kept: int | None):
    (tmp_path / "retention.csv").write_text(f"setting,value,valid_from,why\n{rows}\n")
    assert raw_days_kept(tmp_path, date(2026, 6, 30)) == kept


@pytest.mark.parametrize(
    "row", ["raw_days_kept,0,2000-01-01,w", "raw_days_kept,some,2000-01-01,w", "raw,5,2000-01-01,w"]
)
def test_a_broken_row_is_named(tmp_path: Path, row: str):
    (tmp_path / "retention.csv").write_text(f"setting,value,valid_from,why\n{row}\n")
    with pytest.raises(UserError, match="row 2"):
        raw_days_kept(tmp_path, date(2026, 6, 30))
