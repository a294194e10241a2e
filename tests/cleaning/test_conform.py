from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from data_quality.contract import Contract, load_contracts
from orchestration.cleaning import conform, null_tokens
from orchestration.cleaning.due import Due
from orchestration.settings import Settings


@pytest.fixture
def run(con: duckdb.DuckDBPyConnection, contract: Contract, settings: Settings, deliver: Any) -> Any:
    """Deliver rows and give them conformed, as dicts in the order delivered."""

    def conformed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        deliver(rows)
        conform.conform(con, contract, null_tokens.load(settings.policy_dir), "Asia/Shanghai", Due())
        result = con.execute("select * from conformed_rows order by file_id, _line")
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    return conformed


def test_a_good_row_has_types_a_key_and_no_reasons(run: Any) -> None:
    (row,) = run(
        [
            {
                "ticket_id": " Ｔ１ ",
                "line_no": "2.0",
                "sold_at": "2024年5月1日 9:30",
                "closed_at": "2024-05-01T02:00:00Z",
                "birthday": "1990/4/15",
                "quantity": "２",
                "amount": "¥1,234.50",
                "score": "10",
                "status": "已付款",
                "channel": "Mini Program",
                "is_gift": "是",
                "member_id": "10023.0",
                "name": " 张三 ",
                "phone": "138 0013 8000",
                "id_card": "11010519491231002x",
                "note": " a  b ",
            }
        ]
    )
    assert row["record_key"] == "T1|2"
    assert row["reasons"] is None
    assert row["row_content"] is None
    assert row["sold_at"] == datetime(2024, 5, 1, 9, 30)  # noqa: DTZ001
    assert row["closed_at"] == datetime(2024, 5, 1, 10)  # noqa: DTZ001
    assert row["birthday"] == date(1990, 4, 15)
    assert (row["quantity"], row["amount"], row["score"]) == (Decimal("2.0000"), Decimal("1234.5000"), 10)
    assert (row["status"], row["channel"], row["is_gift"]) == ("paid", "mini_program", True)
    assert (row["member_id"], row["id_card"], row["note"]) == ("10023", "11010519491231002X", "a  b")
    assert (row["name"], row["phone"]) == (" 张三 ", "138 0013 8000")


FAULTS: list[tuple[dict[str, Any], list[str] | None]] = [
    ({"ticket_id": ""}, ["missing:ticket_id"]),
    ({"ticket_id": None}, ["missing:ticket_id"]),
    ({"ticket_id": "\u3000\u200b"}, ["missing:ticket_id"]),
    ({"ticket_id": "NULL"}, ["missing:ticket_id"]),
    ({"line_no": "1.5"}, ["unreadable:line_no"]),
    ({"sold_at": "2024-02-30"}, ["unreadable:sold_at"]),
    ({"sold_at": "0000-00-00"}, ["missing:sold_at"]),
    ({"sold_at": "2024-05-02 00:00"}, ["in_future:sold_at"]),
    ({"sold_at": "2024-05-01 23:59:59.999999"}, None),
    ({"birthday": "2024-05-01"}, None),
    ({"birthday": "2024-05-02"}, ["in_future:birthday"]),
    ({"birthday": "0000-00-00"}, None),
    ({"birthday": "1990-02-30"}, ["unreadable:birthday"]),
    ({"quantity": "0"}, ["zero:quantity"]),
    ({"quantity": "-0.00"}, ["zero:quantity"]),
    ({"quantity": "-1"}, None),
    ({"amount": "0"}, None),
    ({"amount": "ten"}, ["unreadable:amount"]),
    ({"amount": "-"}, ["missing:amount"]),
    ({"score": "11"}, ["out_of_range:score"]),
    ({"score": "-1"}, ["out_of_range:score"]),
    ({"score": "0"}, None),
    ({"score": "N/A"}, None),
    ({"status": "lost"}, ["unknown_value:status"]),
    ({"status": ""}, ["missing:status"]),
    ({"channel": "fax"}, None),
    ({"is_gift": "maybe"}, None),
    ({"closed_at": "2024-05-01 09:59"}, ["closed_before_sold"]),
    ({"closed_at": "2024-05-01 10:00"}, None),
    ({"closed_at": "2024-05-01"}, None),
    ({"closed_at": "2024-04-30"}, ["closed_before_sold"]),
    (
        {"ticket_id": "", "sold_at": "soon", "quantity": "0", "amount": "x"},
        ["missing:ticket_id", "unreadable:sold_at", "zero:quantity", "unreadable:amount"],
    ),
    ({"row_error": "malformed_row", "raw": '"a,b', "ticket_id": None}, ["malformed_row"]),
]


def test_each_fault_has_its_reason(run: Any) -> None:
    conformed = run([row for row, _ in FAULTS])
    for (row, reasons), result in zip(FAULTS, conformed, strict=True):
        assert result["reasons"] == reasons, row


def test_a_faulty_row_keeps_what_was_delivered(run: Any) -> None:
    (row,) = run([{"amount": " ten ", "name": "张三", "extra": {"备注": "x", "空": None}}])
    assert row["row_content"] == {
        "ticket_id": "T1",
        "line_no": "1",
        "sold_at": "2024-05-01 10:00",
        "quantity": "1",
        "amount": " ten ",
        "status": "paid",
        "name": "张三",
        "备注": "x",
    }


def test_a_row_that_could_not_be_split_keeps_its_line(run: Any) -> None:
    everything = dict.fromkeys(["ticket_id", "line_no", "sold_at", "quantity", "amount", "status"])
    (row,) = run([{**everything, "row_error": "wrong_field_count", "raw": "T1,1,2,3"}])
    assert row["row_content"] == {"_raw": "T1,1,2,3"}


def test_an_extra_column_named_like_a_contract_column_does_not_break_the_content(run: Any) -> None:
    (row,) = run([{"amount": "ten", "extra": {"amount": "12", "_raw": "x"}}])
    assert row["row_content"]["amount"] == "ten"
    assert row["row_content"]["_extra.amount"] == "12"
    assert row["row_content"]["_extra._raw"] == "x"


def test_an_unknown_optional_choice_is_loaded_as_missing_and_counted(run: Any) -> None:
    (row,) = run([{"channel": "Fax", "is_gift": "maybe"}])
    assert row["reasons"] is None
    assert (row["channel"], row["is_gift"]) == (None, None)
    assert row["unknown"] == {"channel": "Fax", "is_gift": "maybe"}


def test_words_for_nothing_are_missing_in_the_columns_they_count_for(run: Any) -> None:
    (row,) = run([{"member_id": "散客", "note": "无", "name": "na", "channel": "\\N", "phone": "NULL"}])
    assert (row["member_id"], row["note"], row["channel"], row["phone"]) == (None, None, None, None)
    assert row["name"] == "na"
    assert row["unknown"] is None


def test_a_token_counts_only_for_deliveries_since_it_is_valid(
    con: duckdb.DuckDBPyConnection, contract: Contract, deliver: Any
) -> None:
    token = null_tokens.NullToken("nichts", frozenset({"text"}), date(2024, 5, 2))
    deliver([{"note": "Nichts", "day": 1}, {"note": "Nichts", "day": 2}])
    conform.conform(con, contract, (token,), "Asia/Shanghai", Due())
    assert con.execute("select note from conformed_rows order by file_id").fetchall() == [("Nichts",), (None,)]


def test_two_different_keys_are_never_written_alike(run: Any, contract: Contract) -> None:
    first, second = run([{"ticket_id": "a|1", "line_no": "1"}, {"ticket_id": "a\\|1", "line_no": "1"}])
    assert first["record_key"] == "a\\|1|1"
    assert second["record_key"] == "a\\\\\\|1|1"


def test_content_is_what_would_be_loaded_not_how_it_was_written(run: Any) -> None:
    first, second, third = run(
        [
            {"amount": "12.50", "status": "paid", "extra": {"exported": "1"}},
            {"amount": "¥12.5", "status": "已付款", "extra": {"exported": "2"}},
            {"amount": "12.51", "status": "paid"},
        ]
    )
    assert first["content"] == second["content"]
    assert first["content"] != third["content"]


def test_the_contracts_of_the_project_all_give_valid_sql(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    tokens = null_tokens.load(settings.policy_dir)
    for contract in load_contracts().values():
        conform.conform(con, contract, tokens, settings.timezone, Due())
        assert con.execute("select count(*) from conformed_rows").fetchone() == (0,)


# Anything may stand in any column; the pieces make the rarer branches likely.
VALUES = (
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(
        [
            "1",
            "0",
            "",
            "2024-05-01",
            "2024年5月1日 下午3时",
            "45296.5",
            "¥1,234.5",
            "(3)",
            "是",
            "paid",
            "NULL",
            "1e400",
            "-",
            "９",
        ]
    )
)
COLUMNS = [
    "ticket_id", "line_no", "sold_at", "closed_at", "birthday", "quantity", "amount", "score", "status", "channel",
    "is_gift", "member_id", "name", "phone", "id_card", "note",
]  # fmt: skip


@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, VALUES)), min_size=1, max_size=15))
def test_any_row_is_either_typed_or_has_a_reason(run: Any, rows: list[dict[str, Any]]) -> None:
    conformed = run(rows)
    assert len(conformed) == len(rows)
    for row in conformed:
        if row["reasons"] is None:
            assert row["record_key"]
            assert None not in [row[c] for c in ("sold_at", "quantity", "amount", "status")]
            assert row["row_content"] is None
        else:
            assert row["reasons"]
            assert row["row_content"] is not None
