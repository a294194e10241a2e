"""Values that a person should look at: found by rules, decided once, bound in every later run."""

import csv
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from data_quality.contract import Contract, load_contracts
from orchestration.cleaning import doubtful_values_view, drift, ledger, quarantine
from orchestration.cleaning.decision_files import append_rows
from orchestration.cleaning.doubtful_values import build, load_rules, read_decisions
from orchestration.cleaning.doubtful_values_view import Doubt, decide, doubts, export_doubts, import_decisions
from orchestration.cleaning.tables import clean_table
from orchestration.errors import UserError
from orchestration.settings import Settings

TODAY = date(2024, 5, 9)
RULES = """rule,dataset,column_name,test,limit_value,scope,valid_from,why
unknown_choice,*,*,unknown_value,,value,2000-01-01,w
many_pieces,pos/sales,quantity,above,100,record,2000-01-01,w
large_amount,pos/sales,amount,above,1000,record,2000-01-01,w
born_long_ago,pos/sales,birthday,older_than_years,110,value,2000-01-01,w
"""


@pytest.fixture
def night(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    settings: Settings,
    deliver: Any,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Deliver rows and clean them with everything that was decided so far; gives all doubts by column."""
    monkeypatch.setattr(doubtful_values_view, "load_contracts", lambda: {contract.table: contract})
    (tmp_path / "doubtful_values.csv").write_text(RULES, encoding="utf-8")

    def run(rows: list[dict[str, Any]]) -> dict[str, Doubt]:
        deliver(rows)
        clean_table(con, settings, contract)
        ledger.build(con)
        quarantine.build(con, settings)
        drift.build(con, [contract])
        assert ledger.unbalanced(con) == []
        build(con, load_rules(tmp_path, {contract.table: contract}, TODAY), read_decisions(settings))
        return {doubt.column_name: doubt for doubt in doubts(con, status=None)}

    return run


@pytest.fixture
def say(con: duckdb.DuckDBPyConnection, settings: Settings) -> Any:
    def call(doubt: Doubt, verdict: str, value: str = "", why: str = "asked the shop") -> None:
        decide(con, settings, doubt.doubt_id, verdict, corrected_value=value, by="wang", on=TODAY, why=why)

    return call


def column(con: duckdb.DuckDBPyConnection, name: str) -> list[Any]:
    return [value for (value,) in con.execute(f"select {name} from clean.pos_sales order by record_key").fetchall()]


def test_values_past_a_limit_are_loaded_and_in_doubt(con: duckdb.DuckDBPyConnection, night: Any) -> None:
    found = night(
        [
            {"amount": "5000", "birthday": "1900-01-01"},
            {"ticket_id": "T2", "birthday": "1900-01-01", "channel": "飞书"},
            {"ticket_id": "T3", "birthday": "1990-01-01"},
        ]
    )
    assert column(con, "amount")[0] == 5000
    assert {name: (d.record_key, d.rows, d.rule, d.status) for name, d in found.items()} == {
        "amount": ("T1|1", 1, "large_amount", "open"),
        "birthday": ("", 2, "born_long_ago", "open"),
        "channel": ("", 1, "unknown_choice", "open"),
    }


def test_an_accepted_value_stays_and_is_in_doubt_no_more(con: duckdb.DuckDBPyConnection, night: Any, say: Any) -> None:
    rows = [{"amount": "5000"}, {"ticket_id": "T2", "amount": "7000"}]
    found = night(rows)
    say(found["amount"], "accept")
    night(rows)
    (still_open,) = doubts(con)
    assert still_open.doubt_id != found["amount"].doubt_id
    assert {d.status for d in doubts(con, status=None)} == {"accepted", "open"}
    assert column(con, "amount") == [5000, 7000]


def test_a_corrected_choice_is_read_wherever_it_stands_also_in_later_rows(
    con: duckdb.DuckDBPyConnection, night: Any, say: Any
) -> None:
    rows = [{"channel": "飞书"}, {"ticket_id": "T2", "channel": "网页"}]
    say(night(rows)["channel"], "correct", "Mini  Program")
    later = [*rows, {"ticket_id": "T3", "channel": "飞书", "day": 2}]
    assert night(later)["channel"].status == "corrected"
    assert column(con, "channel") == ["mini_program", "web", "mini_program"]
    assert con.execute("select count(*) from quality.drift where finding = 'unknown_value'").fetchone() == (0,)


def test_a_rejected_value_is_not_given(con: duckdb.DuckDBPyConnection, night: Any, say: Any) -> None:
    rows = [{"birthday": "1900-01-01"}, {"ticket_id": "T2", "birthday": "1990-01-01"}]
    say(night(rows)["birthday"], "reject")
    assert night(rows)["birthday"].status == "rejected"
    assert column(con, "birthday") == [None, date(1990, 1, 1)]


def test_a_row_whose_required_value_is_rejected_is_set_aside_and_accounted_for(
    con: duckdb.DuckDBPyConnection, night: Any, say: Any
) -> None:
    rows = [{"amount": "5000"}, {"ticket_id": "T2"}]
    say(night(rows)["amount"], "reject")
    night(rows)
    assert column(con, "amount") == [10]
    assert con.execute("select reasons, status from quality.quarantine").fetchall() == [
        (["rejected:amount"], "discarded")
    ]
    assert con.execute("select rows_quarantined, amount_quarantined from quality.deliveries").fetchall() == [(1, 5000)]


def test_a_corrected_number_is_read_as_delivered_numbers_are(
    con: duckdb.DuckDBPyConnection, night: Any, say: Any
) -> None:
    rows = [{"amount": "5000"}]
    doubt = night(rows)["amount"]
    with pytest.raises(UserError, match="cannot be read as amount"):
        say(doubt, "correct", "about fifty")
    say(doubt, "correct", "￥５０.00")
    night(rows)
    assert column(con, "amount") == [Decimal(50)]
    say(doubt, "reopen")
    assert night(rows)["amount"].status == "open"
    assert column(con, "amount") == [5000]


def test_a_repetition_of_a_corrected_row_moves_nothing(con: duckdb.DuckDBPyConnection, night: Any, say: Any) -> None:
    rows = [{"amount": "5000"}, {"amount": "50", "day": 2}]
    say(night([rows[0]])["amount"], "correct", "50")
    night(rows)
    assert con.execute("select sum(rows_repeated), sum(rows_superseded) from quality.deliveries").fetchone() == (1, 0)


def test_a_spreadsheet_goes_out_without_personal_values_and_comes_back_decided(
    con: duckdb.DuckDBPyConnection, settings: Settings, night: Any, tmp_path: Any
) -> None:
    rows = [{"birthday": "1900-07-08"}, {"ticket_id": "T2", "channel": "=cmd|x"}]
    night(rows)
    sheet = tmp_path / "doubts.csv"
    assert export_doubts(con, sheet) == 2
    text = sheet.read_text(encoding="utf-8-sig")
    assert "07-08" not in text
    assert "'=cmd|x" in text
    filled = list(csv.DictReader(text.splitlines()))
    for row in filled:
        if row["column_name"] == "channel":
            row |= {"decision": "Correct", "corrected_value": "web", "decided_by": "李", "decided_on": "2024/5/9"}
            row |= {"why": "the shop says so"}
    with sheet.open("w", encoding="gb18030", newline="") as file:
        writer = csv.DictWriter(file, list(filled[0]))
        writer.writeheader()
        writer.writerows(filled)
    assert import_decisions(con, settings, sheet) == 1
    assert import_decisions(con, settings, sheet) == 0
    assert night(rows)["channel"].status == "corrected"
    assert column(con, "channel") == [None, "web"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"decision": "perhaps"}, "row 2: 'perhaps' is no decision"),
        ({"decision": "accept", "why": ""}, "row 2: why is empty"),
        ({"decision": "accept", "doubt_id": "nothing"}, "row 2: There is no doubt 'nothing'"),
        ({"decision": "accept", "decided_on": "yesterday"}, "row 2: decided_on is 'yesterday'"),
        ({"decision": "correct"}, "row 2: A correct value must be given"),
    ],
)
def test_a_filled_in_sheet_is_taken_whole_or_not_at_all(
    con: duckdb.DuckDBPyConnection, settings: Settings, night: Any, tmp_path: Any, fault: dict[str, str], said: str
) -> None:
    doubt = night([{"amount": "5000"}])["amount"]
    good = {
        "doubt_id": doubt.doubt_id,
        "decision": "accept",
        "decided_by": "li",
        "decided_on": "2024-05-09",
        "why": "ok",
    }
    append_rows(tmp_path / "sheet.csv", [*good, "corrected_value"], [{**good, **fault}, good])
    with pytest.raises(UserError, match=said):
        import_decisions(con, settings, tmp_path / "sheet.csv")
    assert read_decisions(settings) == {}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("r,pos/sales,amount,huge,1,record,2000-01-01,w", "row 2: test 'huge'"),
        ("r,pos/sales,amounts,above,1,record,2000-01-01,w", "no column 'amounts'"),
        ("r,pos/sales,amount,above,many,record,2000-01-01,w", "limit_value 'many'"),
        ("r,pos/sales,amount,before,2000-01-01,record,2000-01-01,w", "the column is decimal"),
        ("r,pos/sales,amount,above,1,rows,2000-01-01,w", "scope 'rows'"),
        ("r,pos/sales,channel,unknown_value,,value,2000-01-01,w", r"write \*, \*"),
        ("r,pos/sales,amount,above,1,record,soon,w", "valid_from is 'soon'"),
    ],
)
def test_a_broken_rule_is_named(tmp_path: Any, contract: Contract, row: str, said: str) -> None:
    (tmp_path / "doubtful_values.csv").write_text(RULES.splitlines()[0] + f"\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError, match=said):
        load_rules(tmp_path, {contract.table: contract}, TODAY)


def test_the_rules_of_the_project_can_be_used(settings: Settings) -> None:
    rules = load_rules(settings.policy_dir, load_contracts(), date(2026, 6, 30))
    assert {"unknown_choice", "born_long_ago", "large_amount"} <= {rule.rule for rule in rules}
