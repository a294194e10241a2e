"""A delivery is measured by its own source's history: the same day of the week, and where it has been going."""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from data_quality.contract import load_contracts
from orchestration.cleaning import drift, drift_policy, profile
from orchestration.errors import UserError
from orchestration.settings import PROJECT_ROOT

POLICY = PROJECT_ROOT / "seeds" / "policy"
KNOWN = {f"{c.source}/{c.dataset}": set(c.columns) for c in load_contracts().values()}
FIRST = date(2026, 1, 5)  # a Monday
NEWEST = FIRST + timedelta(days=28)  # a Monday

Found = list[tuple[str, str | None]]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for schema in ("raw", "clean", "quality"):
            connection.execute(f"create schema {schema}")
        profile.create(connection)
        yield connection


def usual_rows(day: date) -> int:
    """1,000 on working days, 200 at weekends, and a little to and fro."""
    return (200 if day.isoweekday() > 5 else 1000) + day.toordinal() % 7


def deliver(con: duckdb.DuckDBPyConnection, day: date, rows: int | None = None, **changed: object) -> None:
    rows = usual_rows(day) if rows is None else rows
    figures: dict[str, object] = {
        "filled": 0.9 + day.toordinal() % 3 / 100,
        "unreadable": 0.0,
        "numbers": None,
        "mean": 50.0 + day.toordinal() % 5,
        "deviation": 20.0,
        "shares": None,
        "column": "amount",
    } | changed
    shares = figures["shares"]
    con.execute(
        "insert into clean.field_profiles values ('pos', 'sales', ?, ?, ?, ?, ?, 0, 0, ?, 10, ?, ?, ?)",
        [
            day,
            figures["column"],
            rows,
            int(figures["filled"] * rows),
            int(figures["unreadable"] * rows),
            None if figures["numbers"] is None else int(figures["numbers"] * figures["filled"] * rows),
            figures["mean"],
            figures["deviation"],
            None if shares is None else {k: int(v * figures["filled"] * rows) for k, v in shares.items()},
        ],
    )


@pytest.fixture
def found_on_newest(con: duckdb.DuckDBPyConnection) -> Callable[..., Found]:
    """What is found about a delivery that follows four weeks of usual ones."""

    def call(rows: int | None = None, *, policy: Path = POLICY, day: date = NEWEST, **changed: object) -> Found:
        # What kind of column it is, it was all along; the figures are those of the newest delivery alone.
        kind = changed.pop("before", {})
        for number in range((day - FIRST).days):
            deliver(con, FIRST + timedelta(days=number), **kind)
        deliver(con, day, rows, **{**kind, **changed})
        drift.build(con, [], drift_policy.load(policy, KNOWN))
        return con.execute(
            "select finding, column_name from quality.drift where delivery_date = ? order by all", [day]
        ).fetchall()

    return call


def test_a_usual_delivery_is_no_finding(found_on_newest):
    assert found_on_newest() == []


def test_a_delivery_that_shrinks_by_nine_tenths_is_told_with_both_numbers(con, found_on_newest):
    assert found_on_newest(100) == [("volume", None)]
    ((message, severity, is_newest),) = con.execute(
        "select message, severity, is_newest from quality.drift where finding = 'volume'"
    ).fetchall()
    assert message == "pos/sales delivered 2026-02-02: volume 1001.0 → 100.0"
    assert (severity, is_newest) == ("warn", True)


def test_a_sunday_is_compared_with_sundays(found_on_newest):
    assert found_on_newest(day=NEWEST - timedelta(days=1)) == []


def test_a_sunday_as_busy_as_a_monday_is_a_finding(found_on_newest):
    assert found_on_newest(1000, day=NEWEST - timedelta(days=1)) == [("volume", None)]


@pytest.mark.parametrize(
    ("figures", "finding"),
    [
        ({"filled": 0.4}, "null_rate"),
        ({"mean": 5000.0, "deviation": 2000.0}, "mean_shift"),
        ({"filled": 0.3, "unreadable": 0.6}, "retyped_column"),
        ({"before": {"column": "sku", "numbers": 0.02}, "numbers": 1.0}, "retyped_column"),
        (
            {
                "before": {
                    "column": "status",
                    "mean": None,
                    "deviation": None,
                    "shares": {"paid": 0.9, "shipped": 0.1},
                },
                "shares": {"paid": 0.1, "cancelled": 0.9},
            },
            "share_shift",
        ),
    ],
    ids=["emptier", "in fen instead of yuan", "numbers that are texts", "texts that are numbers", "other choices"],
)
def test_a_column_that_changes_is_named(found_on_newest, figures: dict[str, object], finding: str):
    column = (figures.get("before") or {}).get("column", "amount")
    assert found_on_newest(**figures) == [(finding, column)]


def test_a_slow_leak_that_no_single_day_shows_is_a_trend(con: duckdb.DuckDBPyConnection):
    for number, rows in enumerate([1000, 1010, 990, 1005, 1000, 210, 200, 900, 810, 730, 660]):
        deliver(con, FIRST + timedelta(days=number), rows)
    drift.build(con, [], drift_policy.load(POLICY, KNOWN))
    found = con.execute("select finding, delivery_date from quality.drift order by all").fetchall()
    assert found == [("volume_trend", FIRST + timedelta(days=10))]


def test_too_little_history_says_nothing(con: duckdb.DuckDBPyConnection):
    for number, rows in enumerate([1000, 1000, 1000, 10]):
        deliver(con, FIRST + timedelta(days=number), rows)
    assert drift.build(con, [], drift_policy.load(POLICY, KNOWN)) == {"warn": 0, "block": 0}


def rules(folder: Path, *added: str, settings: Iterable[str] | None = None) -> Path:
    """A copy of the policy with further rows."""
    folder.mkdir(exist_ok=True)
    for name, more in (("drift_rules.csv", added), ("drift_settings.csv", settings or ())):
        text = (POLICY / name).read_text(encoding="utf-8")
        (folder / name).write_text(text + "".join(f"{row}\n" for row in more), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("rows", "severities"),
    [
        (["volume,pos,,,block,0.5,2026-01-01,w"], ["block"]),
        (["volume,pos,,,block,0.5,2026-01-01,w", "volume,pos,sales,,ignore,0.5,2026-01-01,w"], []),
        (["volume,pos,,,block,0.5,2026-03-01,w"], ["warn"]),
        (["volume,pos,,,block,0.95,2026-01-01,w"], []),
        (["volume,ecommerce,,,block,0.5,2026-01-01,w"], ["warn"]),
    ],
    ids=["of a source", "a dataset before its source", "not in force yet", "its own threshold", "of another source"],
)
def test_the_most_specific_rule_in_force_says_what_a_finding_means(
    con, found_on_newest, tmp_path: Path, rows: list[str], severities: list[str]
):
    found_on_newest(100, policy=rules(tmp_path / "policy", *rows))
    assert [s for (s,) in con.execute("select severity from quality.drift").fetchall()] == severities


FAULTS = list(csv.DictReader((Path(__file__).parents[1] / "cases" / "drift_rule_faults.csv").open(encoding="utf-8")))


@pytest.mark.parametrize("case", FAULTS, ids=[c["message"] for c in FAULTS])
def test_a_wrong_rule_is_named_with_its_row_and_value(tmp_path: Path, case: dict[str, str]):
    folder = rules(tmp_path / "policy", *([case["rule"]] if case["rule"] else []), settings=[case["setting"]])
    with pytest.raises(UserError) as refused:
        drift_policy.load(folder, KNOWN)
    assert case["message"] in str(refused.value)


def test_a_known_header_that_never_stood_for_the_column_is_a_renamed_column(con: duckdb.DuckDBPyConnection):
    con.execute("""
        create table raw.files as
        select
            'pos' as source, 'sales' as dataset, day as delivery_date, 'pos/' || day || '/' || name as file, 5 as rows,
            'read' as status, []::varchar[] as columns_unknown, []::varchar[] as columns_missing,
            map_from_entries([(header, 'amount')]) as columns_mapped
        from (values
            (date '2026-01-05', 'sales.csv', '实付金额'), (date '2026-01-05', 'sales_shop.csv', 'Amount'),
            (date '2026-01-06', 'sales.csv', 'amount '), (date '2026-01-07', 'sales.csv', '金额'),
            (date '2026-01-08', 'sales.csv', '金额')
        ) as f(day, name, header)""")
    drift.build(con, [], drift_policy.load(POLICY, KNOWN))
    found = con.execute("select finding, column_name, value, file from quality.drift order by all").fetchall()
    assert found == [("renamed_column", "amount", "amount  → 金额", "pos/2026-01-07/sales.csv")]
