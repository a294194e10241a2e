"""Values by day of evaluation: what is counted, which method is chosen, and that a rebuilt month is the kept one."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from orchestration.settings import Settings
from orchestration.valuation.values import make_values, months_back

POLICY = Settings().policy_dir
Purchases = list[tuple[str, date, float]]
Database = Callable[[Purchases, list[date]], duckdb.DuckDBPyConnection]


def buyers_that_fade(count: int, seed: int = 1) -> Purchases:
    """Purchases as the models have them: rates and chances to leave differ, spend differs between customers."""
    rng = np.random.default_rng(seed)
    purchases: Purchases = []
    for number in range(count):
        day = date(2024, 1, 1) + timedelta(days=int(rng.integers(0, 300)))
        rate, leave, scale = rng.gamma(1.2, 1 / 40), rng.beta(0.8, 3.0), 50 / rng.gamma(4.0)
        first = True
        while day <= date(2025, 12, 31) and (first or rng.random() > leave):
            purchases.append((f"C{number:05d}", day, round(float(rng.gamma(6.0) * scale) + 0.01, 2)))
            day += timedelta(days=1 + int(rng.exponential(1 / rate)))
            first = False
    return purchases


def values(con: duckdb.DuckDBPyConnection, day: date) -> list[tuple[object, ...]]:
    return con.execute(
        "select * exclude (evaluated_on) from valuation.customer_values where evaluated_on = ? order by customer_id",
        [day],
    ).fetchall()


def test_frequency_recency_and_age_are_days_and_purchases_of_one_day_are_one(database: Database) -> None:
    rows = [
        ("repeat", date(2026, 1, 1), 10.0), ("repeat", date(2026, 1, 11), 20.0), ("repeat", date(2026, 1, 31), 30.0),
        ("repeat", date(2026, 2, 1), 99.0), ("once", date(2026, 1, 31), 5.0), ("later", date(2026, 2, 1), 5.0),
        ("only_returned", date(2026, 1, 5), 0.0),
    ]  # fmt: skip
    con = database(rows, [date(2026, 1, 31)])
    make_values(con, POLICY)
    found = con.execute(
        "select customer_id, frequency, recency_days, age_days from valuation.customer_values order by all"
    ).fetchall()
    assert found == [("once", 0, 0, 0), ("repeat", 2, 30, 30)]


def test_few_repeat_buyers_are_valued_at_their_own_rate_and_it_says_so(database: Database) -> None:
    rows = [
        ("steady", date(2025, 1, 1) + timedelta(days=30 * n), 100.0) for n in range(12)
    ] + [("once_now", date(2025, 12, 20), 100.0), ("once_long_ago", date(2025, 1, 2), 100.0)]  # fmt: skip
    con = database(rows, [date(2025, 12, 31)])
    report = make_values(con, POLICY)
    assert (report.last_fit["method"], report.last_fit["method_reason"]) == ("own_rate", "too_few_repeat_buyers")
    expected = dict(
        con.execute("select customer_id, expected_purchases_365d from valuation.customer_values").fetchall()
    )
    assert expected["steady"] > expected["once_now"] > expected["once_long_ago"] > 0
    assert con.execute(
        "select bool_and(clv_365d > clv_90d and p_alive between 0 and 1) from valuation.customer_values"
    ).fetchall() == [(True,)]


def test_no_purchase_at_all_gives_empty_tables(database: Database) -> None:
    con = database([("nobody", date(2025, 1, 1), 0.0)], [date(2025, 12, 31)])
    report = make_values(con, POLICY)
    assert (report.rows, report.last_fit) == (0, {})


@pytest.fixture(scope="module")
def faded() -> Purchases:
    return buyers_that_fade(600)


def test_a_month_rebuilt_on_its_own_is_the_month_that_was_kept(database: Database, faded: Purchases) -> None:
    month_ends = [date(2025, 9, 30), date(2025, 12, 31)]
    kept = database(faded, month_ends)
    make_values(kept, POLICY)
    for day in month_ends[:1]:
        known = [row for row in faded if row[1] <= day]
        rebuilt = database(known[::-1], [day])
        make_values(rebuilt, POLICY)
        assert values(rebuilt, day) == values(kept, day)
        fits = f"select * from valuation.fits where evaluated_on = date '{day}'"
        assert rebuilt.execute(fits).fetchall() == kept.execute(fits).fetchall()


def test_days_fitted_side_by_side_are_those_fitted_one_after_the_other(database: Database, faded: Purchases) -> None:
    found = []
    for threads in (1, 4):
        con = database(faded, [months_back(date(2025, 12, 31), months) for months in range(9, -1, -1)])
        con.execute(f"set threads = {threads}")
        make_values(con, POLICY)
        tables = ("customer_values", "fits", "backtests")
        found.append({table: con.execute(f"from valuation.{table} order by all").fetchall() for table in tables})
    assert found[0] == found[1]
    assert len(found[0]["fits"]) == 10
    assert found[0]["backtests"]


def test_a_good_fit_is_used_and_its_back_test_is_stored(database: Database, faded: Purchases) -> None:
    day = date(2025, 12, 31)
    con = database(faded, [day])
    fit = make_values(con, POLICY).last_fit
    assert (fit["method"], fit["method_reason"], fit["verdict"]) == ("bg_nbd_gamma_gamma", None, "converged")
    assert fit["mae"] <= fit["baseline_mae"]
    assert (fit["tested_from"], fit["test_days"]) == (date(2025, 6, 30), 184)
    assert fit["predicted_purchases"] == pytest.approx(fit["actual_purchases"], rel=0.15)
    tables = con.execute(
        "select grouped_by, sum(customers), sum(customers * actual_purchases), sum(customers * predicted_purchases) "
        "from valuation.backtests group by all"
    ).fetchall()
    assert len(tables) == 2
    for _, customers, actual, predicted in tables:
        assert customers == fit["test_customers"]
        assert (actual, predicted) == pytest.approx((fit["actual_purchases"], fit["predicted_purchases"]))


def test_a_fit_worse_than_the_naive_forecast_is_refused_and_says_so(database: Database) -> None:
    """Customers who buy like clockwork go on at their own rate; the model draws them towards each other."""
    start = date(2025, 1, 1)
    rows = [
        (f"C{cycle}", start + timedelta(days=cycle * n), 20.0)
        for cycle in range(7, 120)
        for n in range(364 // cycle + 1)
    ]
    con = database(rows, [date(2025, 12, 31)])
    fit = make_values(con, POLICY).last_fit
    assert fit["mae"] > fit["baseline_mae"]
    assert fit["beats_baseline"] is False
    assert (fit["method"], fit["method_reason"]) == ("own_rate", "worse_than_baseline")
    methods = con.execute("select distinct method, method_reason from valuation.customer_values").fetchall()
    assert methods == [("own_rate", "worse_than_baseline")]


def test_the_policy_of_the_day_decides(database: Database, faded: Purchases, tmp_path: Path) -> None:
    text = (POLICY / "value_model.csv").read_text(encoding="utf-8")
    (tmp_path / "value_model.csv").write_text(
        text + "minimum_repeat_buyers,100000,2025-12-01,nothing is good enough any more\n", encoding="utf-8"
    )
    con = database(faded, [date(2025, 11, 30), date(2025, 12, 31)])
    make_values(con, tmp_path)
    assert con.execute("select method from valuation.fits order by evaluated_on").fetchall() == [
        ("bg_nbd_gamma_gamma",),
        ("own_rate",),
    ]


@pytest.mark.parametrize(
    ("day", "months", "back"),
    [
        (date(2026, 6, 30), 6, date(2025, 12, 31)),
        (date(2026, 8, 31), 6, date(2026, 2, 28)),
        (date(2026, 2, 28), 12, date(2025, 2, 28)),
        (date(2024, 2, 28), 12, date(2023, 2, 28)),
        (date(2026, 3, 5), 6, date(2025, 9, 5)),
        (date(2026, 8, 30), 6, date(2026, 2, 28)),
    ],
)
def test_the_end_of_a_month_goes_back_to_the_end_of_a_month(day: date, months: int, back: date) -> None:
    assert months_back(day, months) == back


def test_cdnow_through_the_room_gives_the_published_parameters_in_days(
    database: Database, cdnow_days: pd.DataFrame
) -> None:
    day = date(1997, 9, 30)
    # Eight days of CDNOW hold a purchase for nothing, which counts there and not in our policy.
    rows = [(c, d.date(), max(a, 0.01)) for c, d, a in cdnow_days.itertuples(index=False) if d.date() <= day]
    con = database(rows, [day])
    fit = make_values(con, POLICY).last_fit
    assert [round(fit[name], 4) for name in ("r", "a", "b")] == [0.2426, 0.7929, 2.4259]
    assert fit["alpha_days"] / 7 == pytest.approx(4.4136, abs=5e-5)
    assert fit["observed_mean_spend"] is not None
