"""A night cleans what is due, and the tables are those of a build from nothing."""

from datetime import date
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from data_quality.contract import Contract
from orchestration.cleaning import doubtful_values, due, releases
from orchestration.cleaning.tables import Counts, clean_table
from orchestration.settings import Settings

KEPT = (
    "pos_sales",
    "pos_sales_not_loaded",
    "row_outcomes",
    "rejected_rows",
    "unknown_values",
    "field_profiles",
    "cleaned_deliveries",
)


@pytest.fixture(scope="session")
def contract(contract: Contract) -> Contract:
    """Few columns, so that a table is cleaned in a moment."""
    few = ("ticket_id", "line_no", "sold_at", "quantity", "amount", "score", "channel", "member_id")
    columns = {name: contract.columns[name] for name in few}
    return contract.model_copy(update={"columns": columns, "row_rules": []}, deep=True)


@pytest.fixture(autouse=True)
def increments_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tables this small most is due every time, and would be built anew."""
    monkeypatch.setattr(due, "_MOST", 1.0)


def kept(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    return {t: sorted(map(repr, con.execute(f"select * from clean.{t}").fetchall())) for t in KEPT}


@pytest.fixture
def night(con: duckdb.DuckDBPyConnection, contract: Contract, settings: Settings, deliver: Any) -> Any:
    """Let raw hold these rows, clean what is due, and compare the tables with those of a build from nothing."""

    def run(rows: list[dict[str, Any]]) -> Counts:
        deliver(rows)
        return clean_twice(con, settings, contract)

    return run


def clean_twice(con: duckdb.DuckDBPyConnection, settings: Settings, contract: Contract) -> Counts:
    """Clean what is due, then everything from nothing: both leave the same tables and counts."""
    counts = clean_table(con, settings, contract)
    by_increments = kept(con)
    con.execute("delete from clean.cleaned_deliveries")
    assert clean_table(con, settings, contract) == counts
    assert kept(con) == by_increments
    return counts


def loaded(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    query = "select record_key, amount::int, day(_delivery_date), day(_first_delivered) from clean.pos_sales order by 1"
    return con.execute(query).fetchall()


def due_now(counts: Counts) -> tuple[int, int, int]:
    return counts.deliveries_due, counts.rows_due, counts.keys_due


def test_a_night_reads_the_new_delivery_and_decides_its_keys(con: duckdb.DuckDBPyConnection, night: Any) -> None:
    history = [{"ticket_id": f"T{n}", "day": 1 + n % 5, "line": n} for n in range(20)]
    assert due_now(night(history)) == (5, 20, 20)
    new = [{"ticket_id": "T3", "amount": "7", "day": 9}, {"ticket_id": "T99", "day": 9}]
    assert due_now(night(history + new)) == (1, 2, 2)
    assert ("T3|1", 7, 9, 4) in loaded(con)


def test_a_night_without_news_has_nothing_due(night: Any) -> None:
    night([{"day": 1}, {"day": 2}])
    assert due_now(night([{"day": 1}, {"day": 2}])) == (0, 0, 0)


def test_a_late_file_of_an_old_day_comes_before_what_is_newer(con: duckdb.DuckDBPyConnection, night: Any) -> None:
    newer = [{"amount": "2", "day": 3}]
    night(newer)
    late = [{"amount": "1", "day": 1, "file": "sales_late.csv"}]
    assert due_now(night(newer + late)) == (1, 1, 1)
    assert loaded(con) == [("T1|1", 2, 3, 1)]
    # The same content, earlier: the loaded row is the earliest that holds the newest content.
    night([*newer, {"amount": "2", "day": 1}])
    assert loaded(con) == [("T1|1", 2, 1, 1)]


def test_a_file_replaced_under_its_name_takes_back_what_it_held(con: duckdb.DuckDBPyConnection, night: Any) -> None:
    before = [{"amount": "1", "day": 1}, {"ticket_id": "T2", "day": 2}]
    night([*before, {"amount": "5", "day": 3}, {"ticket_id": "T3", "day": 3}])
    night([*before, {"ticket_id": "T3", "amount": "8", "day": 3}])
    assert loaded(con) == [("T1|1", 1, 1, 1), ("T2|1", 10, 2, 2), ("T3|1", 8, 3, 3)]


def test_a_row_that_stood_behind_a_withdrawn_one_is_read_again(con: duckdb.DuckDBPyConnection, night: Any) -> None:
    kept_rows = [{"amount": "1", "day": 1}, *({"ticket_id": f"X{n}", "day": 4, "line": n} for n in range(5))]
    night([*kept_rows, {"amount": "2", "day": 2}, {"amount": "2", "day": 3}])
    assert due_now(night([*kept_rows, {"amount": "2", "day": 3}])) == (2, 1, 1)
    assert loaded(con)[0] == ("T1|1", 2, 3, 1)
    assert due_now(night(kept_rows)) == (2, 1, 1)
    assert loaded(con)[0] == ("T1|1", 1, 1, 1)


def test_a_good_row_that_is_withdrawn_leaves_the_bad_one_before_it_open(
    con: duckdb.DuckDBPyConnection, night: Any
) -> None:
    bad = {"amount": "x", "day": 1}
    resolutions = "select resolution from clean.rejected_rows"
    night([bad])
    assert con.execute(resolutions).fetchall() == [(None,)]
    night([bad, {"day": 2}])
    assert con.execute(resolutions).fetchall() == [("later_good_row",)]
    night([bad])
    assert con.execute(resolutions).fetchall() == [(None,)]


def test_withdrawing_every_file_leaves_empty_tables(con: duckdb.DuckDBPyConnection, night: Any) -> None:
    night([{"day": 1}, {"day": 2, "amount": "x"}])
    night([])
    assert all(not rows for rows in kept(con).values())


def test_an_edited_token_or_contract_makes_everything_due(
    con: duckdb.DuckDBPyConnection, contract: Contract, settings: Settings, night: Any
) -> None:
    rows = [{"day": day, "line": day, "ticket_id": f"T{day}", "member_id": "散客户"} for day in range(1, 5)]
    night(rows)
    assert clean_table(con, settings, contract).rows_due == 0
    edited = contract.model_copy(deep=True)
    edited.columns["member_id"].empty_values.append("散客户")
    counts = clean_table(con, settings, edited)
    assert (counts.rows_due, counts.full_because) == (4, "contract, rules, decided values or code changed")
    assert con.execute("select count(member_id) from clean.pos_sales").fetchall() == [(0,)]


@pytest.mark.parametrize(
    "damage",
    [
        "drop table clean.pos_sales",
        "drop table clean.pos_sales_not_loaded",
        "delete from clean.pos_sales where record_key = 'T1|1'",
        "delete from clean.rejected_rows",
        "drop table clean.row_outcomes",
        "delete from clean.cleaned_deliveries",
    ],
)
def test_what_does_not_agree_with_its_own_account_is_built_anew(
    con: duckdb.DuckDBPyConnection, contract: Contract, settings: Settings, night: Any, damage: str
) -> None:
    night([{"day": 1}, {"day": 2, "amount": "2"}, {"day": 3, "amount": "x"}])
    whole = kept(con)
    con.execute(damage)
    counts = clean_table(con, settings, contract)
    assert counts.rows_due == 3
    assert counts.full_because in ("nothing was cleaned before", "the kept tables do not agree with their account")
    assert kept(con) == whole


def test_what_was_decided_about_a_row_makes_its_delivery_due_and_about_a_value_all(
    con: duckdb.DuckDBPyConnection, contract: Contract, settings: Settings, night: Any
) -> None:
    rows = [{"day": day, "line": day, "ticket_id": f"T{day}", "score": "9"} for day in range(1, 6)]
    rows += [{"day": 2, "line": 9, "ticket_id": "T9", "quantity": "0"}]
    night(rows)
    release_all(con, settings)
    assert due_now(night(rows)) == (1, 2, 2)
    assert len(loaded(con)) == 6
    value = {"column": "score", "record_key": "", "value": "9", "verdict": "correct", "corrected_value": "3"}
    decide(settings, value)
    assert night(rows).rows_due == 6
    assert con.execute("select sum(score) from clean.pos_sales").fetchall() == [(15,)]


def release_all(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    entries = con.execute("select entry_id, delivery_date::varchar, file from clean.rejected_rows").fetchall()
    about = {"decided_by": "wang", "decided_on": date(2024, 5, 9), "why": "seen"}
    releases.append_decisions(
        settings,
        [
            releases.EntryDecision(
                entry_id, "pos", "sales", day, file, "1", "released", corrections={"amount": "4"}, **about
            )
            for entry_id, day, file in entries
        ],
    )


def decide(settings: Settings, value: dict[str, Any]) -> None:
    about = {"source": "pos", "dataset": "sales", "decided_by": "wang", "decided_on": date(2024, 5, 9), "why": "seen"}
    doubtful_values.append_decisions(settings, [doubtful_values.ValueDecision(**about, **value)])


# --- random nights ---------------------------------------------------------------------------------------------------

ROW = st.fixed_dictionaries(
    {
        "ticket_id": st.sampled_from(["T1", "T2", "T3", ""]),
        "amount": st.sampled_from(["1", "2.50", "2.5", "oops"]),
        "quantity": st.sampled_from(["1", "1", "1", "0"]),
        "channel": st.sampled_from(["web", "fax", None]),
    }
)
FILE = st.tuples(st.integers(1, 4), st.sampled_from(["sales.csv", "sales_0301.csv"]))
# What a night finds changed: files that came or were replaced, those that are gone, and rows that a person let go.
NIGHT = st.tuples(
    st.dictionaries(FILE, st.one_of(st.none(), st.lists(ROW, max_size=4)), min_size=1, max_size=3), st.booleans()
)
NIGHTS = st.lists(NIGHT, min_size=2, max_size=4)
QUIETLY = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@hypothesis_settings(QUIETLY, max_examples=8)
@given(NIGHTS)
def test_random_nights_give_the_tables_of_a_build_from_nothing(
    con: duckdb.DuckDBPyConnection, contract: Contract, settings: Settings, deliver: Any, nights: list[Any]
) -> None:
    hold_against_a_build_from_nothing(con, contract, settings, deliver, nights)


@pytest.mark.slow
@hypothesis_settings(QUIETLY, max_examples=60)
@given(NIGHTS)
def test_many_random_nights_give_the_tables_of_a_build_from_nothing(
    con: duckdb.DuckDBPyConnection, contract: Contract, settings: Settings, deliver: Any, nights: list[Any]
) -> None:
    hold_against_a_build_from_nothing(con, contract, settings, deliver, nights)


def hold_against_a_build_from_nothing(
    con: duckdb.DuckDBPyConnection, contract: Contract, settings: Settings, deliver: Any, nights: list[Any]
) -> None:
    releases.decisions_file(settings).unlink(missing_ok=True)
    present: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for changed, is_released in nights:
        present |= {file: rows for file, rows in changed.items() if rows is not None}
        present = {file: rows for file, rows in present.items() if changed.get(file, rows) is not None}
        deliver(
            [
                {**row, "day": day, "file": name, "line": line}
                for (day, name), rows in present.items()
                for line, row in enumerate(rows, start=2)
            ]
        )
        clean_table(con, settings, contract)
        if is_released:
            release_all(con, settings)
            clean_table(con, settings, contract)
    clean_twice(con, settings, contract)
