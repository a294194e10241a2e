"""What becomes of rows that were set aside: released by hand, discarded, replaced by a corrected file."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from data_quality.contract import Contract
from orchestration.cleaning import ledger, quarantine, quarantine_view
from orchestration.cleaning.quarantine_view import Choice, Entry, discard, entries, release, reopen
from orchestration.cleaning.releases import decisions_file, read_decisions
from orchestration.cleaning.tables import clean_table
from orchestration.errors import UserError
from orchestration.settings import Settings

TODAY = date(2024, 5, 9)


@pytest.fixture
def night(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    settings: Settings,
    deliver: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Deliver rows and clean them with everything that was decided so far; gives the whole quarantine."""
    monkeypatch.setattr(quarantine_view, "load_contracts", lambda: {contract.table: contract})

    def run(rows: list[dict[str, Any]], files: list[dict[str, Any]] | None = None) -> list[Entry]:
        deliver(rows, files)
        clean_table(con, settings, contract)
        ledger.build(con)
        quarantine.build(con, settings)
        assert ledger.unbalanced(con) == []
        return entries(con, Choice(status=None))

    return run


def loaded(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute("select record_key, quantity, amount from clean.pos_sales order by 1").fetchall()


def let_go(settings: Settings, chosen: list[Entry], **corrections: str) -> int:
    return release(settings, chosen, by="wang", on=TODAY, why="seen", corrections=corrections)


def test_a_released_row_is_loaded_as_it_is_and_stays_on_record(
    con: duckdb.DuckDBPyConnection, settings: Settings, night: Any
) -> None:
    rows = [{"ticket_id": "T1", "quantity": "0"}, {"ticket_id": "T2", "line": 9}]
    (entry,) = night(rows)
    assert (entry.status, entry.reasons) == ("open", ["zero:quantity"])
    let_go(settings, [entry])
    (after,) = night(rows)
    assert (after.entry_id, after.status, after.resolution) == (entry.entry_id, "released", "by_hand")
    assert loaded(con) == [("T1|1", Decimal(0), Decimal(10)), ("T2|1", Decimal(1), Decimal(10))]
    assert con.execute("select rows_loaded, rows_quarantined, amount_loaded from quality.deliveries").fetchall() == [
        (2, 0, Decimal(20))
    ]


def test_a_decision_has_the_delivery_counted_again_as_a_rebuild_would(
    con: duckdb.DuckDBPyConnection, settings: Settings, night: Any
) -> None:
    rows = [{"ticket_id": "T1", "quantity": "0"}, {"ticket_id": "T2", "line": 9}]
    faulty = "select faulty from clean.field_profiles where column_name = 'quantity'"
    (entry,) = night(rows)
    assert con.execute(faulty).fetchall() == [(1,)]
    let_go(settings, [entry])
    night(rows)
    assert con.execute(faulty).fetchall() == [(0,)]


def test_a_corrected_value_is_read_as_if_the_source_had_delivered_it(
    con: duckdb.DuckDBPyConnection, settings: Settings, night: Any
) -> None:
    rows = [{"amount": "twelve", "quantity": "2"}]
    chosen = night(rows)
    with pytest.raises(UserError, match="unreadable:amount") as refused:
        let_go(settings, chosen)
    assert "--set amount=" in str(refused.value)
    with pytest.raises(UserError, match="unreadable:amount"):
        let_go(settings, chosen, amount="dozen")
    assert not decisions_file(settings).exists()
    let_go(settings, chosen, amount="¥12.50")
    night(rows)
    assert loaded(con) == [("T1|1", Decimal(2), Decimal("12.5"))]


def test_a_row_that_could_not_be_split_is_released_with_all_that_it_needs(
    con: duckdb.DuckDBPyConnection, settings: Settings, night: Any
) -> None:
    blank = dict.fromkeys(["ticket_id", "line_no", "sold_at", "quantity", "amount", "status"])
    rows = [{**blank, "row_error": "wrong_field_count", "raw": "T7,1,2024"}]
    chosen = night(rows)
    given = {"ticket_id": "T7", "line_no": "1", "sold_at": "2024-05-01", "quantity": "1", "amount": "3"}
    with pytest.raises(UserError, match="missing:status"):
        let_go(settings, chosen, **given)
    let_go(settings, chosen, **given, status="paid")
    night(rows)
    assert loaded(con) == [("T7|1", Decimal(1), Decimal(3))]


def test_a_decision_is_about_the_row_as_it_was_and_not_about_its_line(settings: Settings, night: Any) -> None:
    let_go(settings, night([{"quantity": "0"}]))
    changed = night([{"quantity": "0", "amount": "11"}], [{"file": "pos/2024-05-01/sales.csv", "sha256": "other"}])
    assert {(e.status, e.resolution) for e in changed} == {("open", None), ("released", "corrected_file")}


def test_what_a_corrected_file_replaces_is_released_and_not_forgotten(
    con: duckdb.DuckDBPyConnection, settings: Settings, night: Any
) -> None:
    file = {"file": "pos/2024-05-01/sales.csv", "sha256": "first"}
    night([{"amount": "x"}, {"ticket_id": "T2", "amount": "y"}], [file])
    corrected = [{"amount": "1"}, {"ticket_id": "T2", "amount": "y"}]
    after = night(corrected, [{**file, "sha256": "second"}])
    assert [(e.line_number, e.status, e.resolution) for e in after] == [
        (1, "released", "corrected_file"),
        (2, "open", None),
    ]
    assert con.execute("select rows_quarantined from quality.deliveries").fetchone() == (1,)
    assert con.execute("select count(*) from quality.quarantine where counted").fetchone() == (1,)
    again = night(corrected, [{**file, "sha256": "second"}])
    assert again == after
    con.execute("drop table quality.quarantine")
    assert night(corrected, [{**file, "sha256": "second"}]) == after, "the memory outlives the working database"


def test_a_file_that_could_be_read_after_all_is_released(settings: Settings, night: Any) -> None:
    bad = {
        "source": "pos",
        "dataset": "sales",
        "delivery_date": date(2024, 5, 1),
        "file": "pos/2024-05-01/sales.csv",
        "status": "quarantined",
        "reason": "truncated_archive",
        "rows": 0,
        "sha256": "first",
    }
    (entry,) = night([], [bad])
    assert (entry.level, entry.status) == ("file", "open")
    (after,) = night([{}], [{"file": bad["file"], "sha256": "second"}])
    assert (after.entry_id, after.status, after.resolution) == (entry.entry_id, "released", "corrected_file")


def test_a_discarded_row_stays_aside_until_it_is_reopened(
    con: duckdb.DuckDBPyConnection, settings: Settings, night: Any
) -> None:
    rows = [{"quantity": "0"}]
    how: dict[str, Any] = {"by": "wang", "on": TODAY, "why": "a test ticket"}
    discard(settings, night(rows), **how)
    (entry,) = night(rows)
    assert entry.status == "discarded"
    assert loaded(con) == []
    assert con.execute("select rows_quarantined from quality.deliveries").fetchone() == (1,)
    reopen(settings, [entry], **how)
    (entry,) = night(rows)
    assert entry.status == "open"
    with pytest.raises(UserError, match="nothing to take back"):
        reopen(settings, [entry], **how)


def test_entries_are_chosen_by_reason_file_and_dataset(con: duckdb.DuckDBPyConnection, night: Any) -> None:
    night([{"quantity": "0"}, {"ticket_id": "T2", "amount": "x", "file": "sales_b.csv", "line": 4}])
    assert len(entries(con, Choice(reason="unreadable"))) == 1
    assert len(entries(con, Choice(reason="unreadable:amount", file="sales_b.csv"))) == 1
    assert len(entries(con, Choice(dataset="pos/sales"))) == 2
    assert entries(con, Choice(dataset="pos/members")) == []
    with pytest.raises(UserError, match="no entry nothing"):
        entries(con, Choice(entries=["nothing"]))


def test_what_is_shown_holds_no_personal_data(night: Any) -> None:
    (entry,) = night(
        [
            {
                "amount": "13812345678",
                "quantity": "x",
                "name": "张伟国",
                "phone": "13812345678",
                "id_card": "11010519491231002X",
                "note": "请回电 13812345678 谢谢，地址是人民路三号",
                "extra": {"key": ["备用电话"], "value": ["13912345678"]},
            }
        ]
    )
    shown = json.dumps(entry.as_data(whole=True), ensure_ascii=False, default=str)
    for personal in ("13812345678", "13912345678", "伟国", "110105", "人民路"):
        assert personal not in shown
    assert "13812345678" not in repr(entry)
    assert entry.masked() == {"quantity": "x"}


def test_a_damaged_file_of_decisions_is_named_with_its_row(settings: Settings, night: Any) -> None:
    discard(settings, night([{"quantity": "0"}]), by="wang", on=TODAY, why="test")
    file = decisions_file(settings)
    file.write_text(file.read_text(encoding="utf-8").replace("discarded", "perhaps"), encoding="utf-8")
    with pytest.raises(UserError, match=r"row 2: .*'perhaps'"):
        read_decisions(settings)
    file.write_text("entry_id,decision\n", encoding="utf-8")
    with pytest.raises(UserError, match="has no column source"):
        read_decisions(settings)
