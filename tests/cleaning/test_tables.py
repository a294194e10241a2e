"""The whole of cleaning for one dataset: newest wins, the account, quarantine and drift."""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from data_quality.contract import Contract, load_contracts
from orchestration.cleaning import drift, ledger, quarantine
from orchestration.cleaning.tables import Counts, clean_table
from orchestration.errors import UserError
from orchestration.settings import Settings


@pytest.fixture
def clean(con: duckdb.DuckDBPyConnection, contract: Contract, settings: Settings, deliver: Any) -> Any:
    """Deliver rows, clean them and build the quality tables."""

    def run(rows: list[dict[str, Any]], files: list[dict[str, Any]] | None = None) -> Counts:
        deliver(rows, files)
        counts = clean_table(con, settings, contract)
        ledger.build(con)
        quarantine.build(con)
        drift.build(con, [contract])
        return counts

    return run


def dicts(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = con.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def loaded(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(
        "select record_key, amount, _delivery_date, _line, _first_delivered from clean.pos_sales order by 1"
    ).fetchall()


def day(number: int) -> date:
    return date(2024, 5, number)


def test_the_newest_delivery_wins(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    counts = clean([{"amount": "2", "day": 2}, {"amount": "1", "day": 1}])
    assert loaded(con) == [("T1|1", Decimal(2), day(2), 1, day(1))]
    assert counts == Counts(received=2, loaded=1, superseded=1, repeated=0, quarantined=0)


def test_a_repetition_moves_nothing(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    counts = clean([{"amount": "1", "day": 1}, {"amount": "1.00", "day": 2}, {"amount": "¥1", "day": 2}])
    assert loaded(con) == [("T1|1", Decimal(1), day(1), 1, day(1))]
    assert counts == Counts(received=3, loaded=1, superseded=0, repeated=2, quarantined=0)


def test_content_that_comes_back_is_loaded_from_where_it_first_stood(
    con: duckdb.DuckDBPyConnection, clean: Any
) -> None:
    counts = clean([{"amount": "1", "day": 1}, {"amount": "2", "day": 2}, {"amount": "1", "day": 3}])
    assert loaded(con) == [("T1|1", Decimal(1), day(1), 1, day(1))]
    assert (counts.superseded, counts.repeated) == (1, 1)


def test_within_a_delivery_the_later_file_name_wins_then_the_later_line(
    con: duckdb.DuckDBPyConnection, clean: Any
) -> None:
    clean(
        [
            {"amount": "3", "file": "sales_b.csv", "line": 2},
            {"amount": "9", "file": "sales_a.csv", "line": 7},
            {"amount": "4", "file": "sales_b.csv", "line": 5},
        ]
    )
    assert loaded(con) == [("T1|1", Decimal(4), day(1), 5, day(1))]


@pytest.mark.parametrize("second", ["sales (1).csv", "sales-2.csv", "sales_2.csv.gz", "sales+fix.xlsx", "sales.2.csv"])
def test_a_file_named_after_another_comes_after_it(con: duckdb.DuckDBPyConnection, clean: Any, second: str) -> None:
    clean([{"amount": "4", "file": second}, {"amount": "3", "file": "sales.csv"}])
    assert loaded(con)[0][1] == Decimal(4)


def test_a_bad_newer_row_does_not_displace_a_good_one(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    counts = clean([{"amount": "1", "day": 1}, {"amount": "x", "day": 2}])
    assert loaded(con) == [("T1|1", Decimal(1), day(1), 1, day(1))]
    assert counts.quarantined == 1
    assert con.execute("select status from quality.quarantine").fetchall() == [("open",)]


def test_a_bad_row_is_released_by_a_later_good_row_of_its_key(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    clean(
        [
            {"amount": "x", "day": 1},
            {"amount": "1", "day": 2},
            {"ticket_id": "T2", "amount": "y", "day": 2},
            {"ticket_id": "", "day": 1},
        ]
    )
    entries = dicts(con, "select * from quality.quarantine order by reasons[1], line_number")
    assert [(e["line_number"], e["reasons"], e["status"]) for e in entries] == [
        (4, ["missing:ticket_id"], "open"),
        (1, ["unreadable:amount"], "released"),
        (3, ["unreadable:amount"], "open"),
    ]
    assert entries[1]["row_content"]["amount"] == "x"
    assert (entries[1]["level"], entries[1]["file"], entries[1]["amount"]) == (
        "row",
        "pos/2024-05-01/sales.csv",
        Decimal(0),
    )


def test_a_good_row_before_a_bad_one_in_the_same_file_releases_nothing(
    con: duckdb.DuckDBPyConnection, clean: Any
) -> None:
    clean([{"line": 1}, {"line": 2, "quantity": "0"}])
    assert con.execute("select status from quality.quarantine").fetchall() == [("open",)]


def test_rows_and_amounts_balance_for_every_delivery(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    clean(
        [
            {"amount": "1.25", "day": 1},
            {"amount": "2.50", "day": 2},
            {"amount": "2.50", "day": 3},
            {"ticket_id": "T2", "amount": "100", "quantity": "0", "day": 3},
            {"ticket_id": "T3", "amount": "x", "day": 3},
            {"ticket_id": "T4", "amount": "-7", "quantity": "-1", "day": 3},
        ]
    )
    rows = dicts(con, "select * from quality.deliveries order by delivery_date")
    outcomes = ("received", "loaded", "superseded", "repeated", "quarantined")
    assert [[row[f"rows_{outcome}"] for outcome in outcomes] for row in rows] == [
        [1, 0, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [4, 1, 0, 1, 2],
    ]
    last = rows[2]
    assert last["amount_received"] == Decimal("95.5")
    assert (last["amount_loaded"], last["amount_repeated"], last["amount_quarantined"]) == (-7, Decimal("2.5"), 100)
    assert ledger.unbalanced(con) == []


def test_a_row_lost_between_raw_and_clean_shows_as_a_difference(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    clean([{"amount": "5"}], files=[{"file": "pos/2024-05-01/sales.csv", "rows": 3}])
    (found,) = ledger.unbalanced(con)
    assert (found.source, found.dataset, found.delivery_date, found.rows) == ("pos", "sales", day(1), 2)


def test_an_amount_changed_in_the_clean_table_shows_as_a_difference(
    con: duckdb.DuckDBPyConnection, clean: Any, contract: Contract, settings: Settings
) -> None:
    clean([{"amount": "5"}])
    con.execute("update clean.row_outcomes set amount = 4 where outcome = 'loaded'")
    ledger.build(con)
    assert [found.amount for found in ledger.unbalanced(con)] == [Decimal(1)]


def bad_file(number: int, **more: Any) -> dict[str, Any]:
    return {
        "source": "pos",
        "dataset": "sales",
        "delivery_date": day(number),
        "file": f"pos/{day(number)}/sales.csv",
        "status": "quarantined",
        "reason": "truncated_archive",
        "rows": 0,
    } | more


def test_a_bad_file_is_in_quarantine_and_its_known_rows_are_accounted_for(
    con: duckdb.DuckDBPyConnection, clean: Any
) -> None:
    clean([{"day": 1}], files=[bad_file(2, rows=12)])
    (entry,) = dicts(con, "select * from quality.quarantine")
    assert (entry["level"], entry["line_number"], entry["reasons"]) == ("file", None, ["truncated_archive"])
    assert (entry["status"], entry["row_content"], entry["file"]) == ("open", {}, "pos/2024-05-02/sales.csv")
    delivery = dicts(con, "select * from quality.deliveries order by delivery_date")[1]
    assert (delivery["files"], delivery["files_quarantined"]) == (1, 1)
    assert (delivery["rows_received"], delivery["rows_quarantined"]) == (12, 12)
    assert ledger.unbalanced(con) == []


def test_a_bad_file_is_released_by_a_later_good_file_of_its_name(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    clean(
        [{"day": 3}, {"day": 1, "ticket_id": "T0"}],
        files=[bad_file(2), bad_file(2, file="pos/2024-05-02/sales_0301.csv")],
    )
    assert con.execute("select file, status from quality.quarantine order by file").fetchall() == [
        ("pos/2024-05-02/sales.csv", "released"),
        ("pos/2024-05-02/sales_0301.csv", "open"),
    ]


def test_an_earlier_good_file_of_the_name_releases_nothing(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    clean([{"day": 1}], files=[bad_file(2)])
    assert con.execute("select status from quality.quarantine").fetchall() == [("open",)]


def test_a_file_that_belongs_nowhere_is_listed(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    stray = {"file": "pos/2024-05-01/weather.csv", "status": "quarantined", "reason": "unknown_dataset", "rows": 0}
    clean([{}], files=[stray])
    assert con.execute("select source, file, reasons, level from quality.quarantine").fetchall() == [
        (None, "pos/2024-05-01/weather.csv", ["unknown_dataset"], "file")
    ]
    assert con.execute("select count(*) from quality.delivery_files").fetchone() == (2,)
    assert ledger.unbalanced(con) == []


def test_a_file_with_only_a_header_is_a_delivery_of_no_rows(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    clean([], files=[bad_file(1, status="read", reason=None)])
    (delivery,) = dicts(con, "select * from quality.deliveries")
    assert (delivery["files"], delivery["files_quarantined"], delivery["rows_received"]) == (1, 0, 0)
    assert ledger.unbalanced(con) == []


def test_drift_names_columns_and_values_but_no_personal_ones(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    clean(
        [
            {"channel": "Fax"},
            {"channel": "Fax", "ticket_id": "T2"},
            {"channel": "13800138000", "ticket_id": "T3"},
            {"channel": "a@example.com", "ticket_id": "T4"},
            {"gender": "张三", "ticket_id": "T5"},
            {"channel": "telex", "ticket_id": "T6", "amount": "x"},
        ],
        files=[
            {
                "file": "pos/2024-05-01/sales.csv",
                "columns_unknown": ["天气", "渠道"],
                "columns_missing": ["note"],
            }
        ],
    )
    found = con.execute("select finding, column_name, value, rows from quality.drift order by all").fetchall()
    assert found == [
        ("missing_column", "note", None, 6),
        ("new_column", "天气", None, 6),
        ("shadowed_column", "渠道", None, 6),
        ("unknown_value", "channel", "Fax", 2),
        ("unknown_value", "channel", None, 2),
        ("unknown_value", "gender", None, 1),
    ]


def test_drift_counts_a_name_that_slipped_among_the_choices_and_does_not_show_it(
    con: duckdb.DuckDBPyConnection, clean: Any
) -> None:
    con.execute("create or replace table clean.names as select * from (values ('司马相如'), (null)) as t (value)")
    clean([{"channel": "司马相如"}, {"channel": "Fax", "ticket_id": "T2"}])
    found = con.execute("select value, rows from quality.drift where finding = 'unknown_value' order by all").fetchall()
    assert found == [("Fax", 1), (None, 1)]


def test_a_dataset_that_never_came_is_an_empty_table(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    for contract in load_contracts().values():
        assert clean_table(con, settings, contract) == Counts(0, 0, 0, 0, 0)
        columns = [c[0] for c in con.execute(f"describe clean.{contract.table}").fetchall()]
        assert columns == ["record_key", *contract.columns, "_file", "_line", "_delivery_date", "_first_delivered"]
    assert ledger.build(con) == 0
    assert quarantine.build(con) == 0
    assert drift.build(con, load_contracts().values()) == {"warn": 0, "block": 0}


def test_cleaning_again_gives_the_same_tables(
    con: duckdb.DuckDBPyConnection, clean: Any, contract: Contract, settings: Settings
) -> None:
    rows = [{"day": 1}, {"day": 2, "amount": "2"}, {"day": 2, "quantity": "0"}, {"day": 2, "channel": "fax"}]
    tables = ["clean.pos_sales", "quality.deliveries", "quality.delivery_files", "quality.quarantine", "quality.drift"]

    def snapshot() -> list[Any]:
        return [con.execute(f"select * from {table} order by all").fetchall() for table in tables]

    clean(rows)
    first = snapshot()
    clean_table(con, settings, contract)
    ledger.build(con), quarantine.build(con), drift.build(con, [contract])
    assert snapshot() == first


def test_a_run_that_fails_leaves_the_tables_of_the_run_before(
    con: duckdb.DuckDBPyConnection, clean: Any, contract: Contract, settings: Settings, monkeypatch: pytest.MonkeyPatch,
    deliver: Any,
) -> None:  # fmt: skip
    clean([{"amount": "1"}])
    deliver([{"amount": "2"}, {"quantity": "0"}])
    monkeypatch.setattr("orchestration.cleaning.drift.record", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        clean_table(con, settings, contract)
    assert loaded(con) == [("T1|1", Decimal(1), day(1), 1, day(1))]
    assert con.execute("select count(*) from clean.rejected_rows").fetchone() == (0,)
    monkeypatch.undo()
    assert clean_table(con, settings, contract).quarantined == 1


def test_a_full_disk_is_told_with_the_table_and_what_to_do(
    con: duckdb.DuckDBPyConnection, clean: Any, contract: Contract, settings: Settings, monkeypatch: pytest.MonkeyPatch,
    deliver: Any,
) -> None:  # fmt: skip
    def full(*_: Any) -> None:
        raise duckdb.IOException("Could not write file: No space left on device")

    clean([{"amount": "1"}])
    deliver([{"amount": "2"}])
    monkeypatch.setattr("orchestration.cleaning.deduplicate.load", full)
    with pytest.raises(UserError, match=r"pos_sales.*No space left.*Free disk space"):
        clean_table(con, settings, contract)
    assert len(loaded(con)) == 1


# --- against a plain model -------------------------------------------------------------------------------------------

KEYS = ["T1", "T2", "T3", ""]
ROWS = st.fixed_dictionaries(
    {
        "day": st.integers(1, 4),
        "file": st.sampled_from(["sales.csv", "sales_0301.csv"]),
        "ticket_id": st.sampled_from(KEYS),
        "line_no": st.sampled_from(["1", "2"]),
        "amount": st.sampled_from(["1", "2.50", "-3", "oops"]),
        "quantity": st.sampled_from(["1", "1", "1", "0"]),
    }
)


def model(rows: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[date, dict[str, list[Any]]], dict[Any, str]]:
    """Newest wins, told row by row: the loaded rows, the account per delivery, the status of each bad row."""

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        return (row["day"], f"pos/{day(row['day'])}/{row['file']}", row["line"])

    account: dict[date, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(lambda: [0, Decimal(0)]))
    good: dict[str, list[dict[str, Any]]] = defaultdict(list)
    bad = []

    def book(row: dict[str, Any], outcome: str) -> None:
        amount = Decimal(0) if row["amount"] == "oops" else Decimal(row["amount"])
        account[day(row["day"])][outcome][0] += 1
        account[day(row["day"])][outcome][1] += amount

    for row in sorted(rows, key=place):
        book(row, "received")
        if row["ticket_id"] and row["amount"] != "oops" and row["quantity"] != "0":
            good[f"{row['ticket_id']}|{row['line_no']}"].append(row)
        else:
            bad.append(row)
            book(row, "quarantined")
    winners = {}
    for key, of_key in good.items():
        newest = of_key[-1]["amount"]
        winner = next(row for row in of_key if row["amount"] == newest)
        winners[key] = (Decimal(newest), day(winner["day"]), winner["line"], day(of_key[0]["day"]))
        for row in of_key:
            same = row["amount"] == newest
            book(row, "loaded" if row is winner else "repeated" if same else "superseded")
    status = {}
    for row in bad:
        later = good.get(f"{row['ticket_id']}|{row['line_no']}", [])
        released = bool(row["ticket_id"]) and any(place(other) > place(row) for other in later)
        status[row["line"]] = "released" if released else "open"
    return winners, account, status


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, max_size=25), st.randoms(use_true_random=False))
def test_random_deliveries_agree_with_the_model(
    con: duckdb.DuckDBPyConnection, clean: Any, rows: list[dict[str, Any]], random: Any
) -> None:
    lines = list(range(1, len(rows) + 1))
    random.shuffle(lines)
    rows = [{**row, "line": line} for row, line in zip(rows, lines, strict=True)]
    clean(rows)
    winners, account, status = model(rows)
    assert {row[0]: row[1:] for row in loaded(con)} == winners
    for delivery in dicts(con, "select * from quality.deliveries"):
        expected = account[delivery["delivery_date"]]
        for outcome in ("received", "loaded", "superseded", "repeated", "quarantined"):
            assert [delivery[f"rows_{outcome}"], delivery[f"amount_{outcome}"]] == expected[outcome]
    assert con.execute("select count(*) from quality.deliveries").fetchone() == (len(account),)
    assert dict(con.execute("select line_number, status from quality.quarantine").fetchall()) == status
    assert ledger.unbalanced(con) == []


def test_the_loaded_row_carries_its_own_values_not_a_mixture(con: duckdb.DuckDBPyConnection, clean: Any) -> None:
    clean(
        [
            {"day": 1, "amount": "1", "member_id": "A", "sold_at": "2024-05-01"},
            {"day": 2, "amount": "2", "member_id": "", "sold_at": "2024-05-02"},
        ]
    )
    assert con.execute("select amount, member_id, sold_at from clean.pos_sales").fetchall() == [
        (Decimal(2), None, datetime(2024, 5, 2))  # noqa: DTZ001
    ]
