"""By which method customers are valued when a fit is not to be trusted, and that it says why."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from orchestration.settings import Settings
from orchestration.valuation import bg_nbd, fitting, gamma_gamma
from orchestration.valuation.backtest import Backtest
from orchestration.valuation.choice import choose
from orchestration.valuation.fitting import Forecaster, ModelFit
from orchestration.valuation.optimise import Optimum, Verdict
from orchestration.valuation.own_rate import mean_spend, shrunk_spend
from orchestration.valuation.policy import load_policies
from orchestration.valuation.purchases import Buyers
from orchestration.valuation.values import make_values
from tests.valuation.conftest import Database

POLICY_DIR = Settings().policy_dir
POLICY = load_policies(POLICY_DIR).on(date(2026, 6, 30))


def ended(verdict: Verdict) -> Optimum:
    return Optimum(np.zeros(4), -1.0, verdict, starts=3, agreeing_starts=1, evaluations=9)


FITTED = ModelFit(
    buyers=500,
    repeat_buyers=200,
    purchases=bg_nbd.Parameters(0.24, 4.4, 0.8, 2.4),
    purchases_optimum=ended("converged"),
    spend=gamma_gamma.Parameters(6.25, 3.74, 15.44),
    spend_optimum=ended("converged"),
    mean_spend=35.0,
)


@pytest.mark.parametrize(
    ("fit", "method", "reason"),
    [
        (FITTED, "bg_nbd_gamma_gamma", None),
        (replace(FITTED, purchases_optimum=ended("at_bound")), "bg_nbd_gamma_gamma", None),
        (replace(FITTED, spend_optimum=ended("at_bound")), "bg_nbd_gamma_gamma", None),
        (ModelFit(buyers=500, repeat_buyers=49), "own_rate", "too_few_repeat_buyers"),
        (replace(FITTED, purchases_optimum=ended("not_converged")), "own_rate", "not_converged"),
        (replace(FITTED, spend=None, spend_optimum=None), "bg_nbd_mean_spend", "spend_not_converged"),
        (replace(FITTED, spend_optimum=ended("not_converged")), "bg_nbd_mean_spend", "spend_not_converged"),
        # The fitted mean is p γ / (q − 1) = 35.2; without a mean at all (q ≤ 1) it is infinite.
        (replace(FITTED, mean_spend=17.5), "bg_nbd_mean_spend", "spend_mean_implausible"),
        (replace(FITTED, mean_spend=17.7), "bg_nbd_gamma_gamma", None),
        (
            replace(FITTED, spend=gamma_gamma.Parameters(6.25, 0.9, 15.44)),
            "bg_nbd_mean_spend",
            "spend_mean_implausible",
        ),
    ],
)
def test_the_first_reason_against_a_fit_decides(fit: ModelFit, method: str, reason: str | None) -> None:
    choice = choose(fit, None, POLICY)
    assert (choice.method, choice.reason) == (method, reason)
    assert (choice.purchases is None) == (method == "own_rate")
    assert (choice.spend is None) == (method != "bg_nbd_gamma_gamma")


def test_a_back_test_no_worse_than_the_naive_forecast_is_good_enough() -> None:
    test = Backtest(
        customers=100, actual_purchases=50, predicted_purchases=48, mae=0.5, rmse=0.7, own_rate_mae=0.5,
        cohort_mean_mae=0.6, fallback_mae=0.6, actual_spend=1, predicted_spend=1, spend_mae=1, calibration=(),
    )  # fmt: skip
    assert choose(FITTED, test, POLICY).method == "bg_nbd_gamma_gamma"
    worse = choose(FITTED, replace(test, mae=0.5001), POLICY)
    assert (worse.method, worse.reason) == ("own_rate", "worse_than_baseline")
    # A spend model is not asked for where purchases fall back.
    assert choose(replace(FITTED, spend=None), replace(test, mae=0.5001), POLICY) == worse


def regulars(count: int) -> list[tuple[str, date, float]]:
    """Customers who come again after ten days and more, each with a price of its own."""
    return [
        (f"C{number:03d}", date(2026, 1, 1) + timedelta(days=visit * (10 + number % 7)), 10.0 + number)
        for number in range(count)
        for visit in range(3)
    ]


def test_a_search_that_does_not_end_leaves_the_customers_at_their_own_rate(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = bg_nbd.fit
    monkeypatch.setattr(fitting.bg_nbd, "fit", lambda histories: (fit(histories)[0], ended("not_converged")))
    con = database(regulars(60), [date(2026, 6, 30)])
    last = make_values(con, POLICY_DIR).last_fit
    assert (last["verdict"], last["method"], last["method_reason"]) == ("not_converged", "own_rate", "not_converged")
    assert con.execute(
        "select distinct method, method_reason, bool_and(clv_365d > 0) from valuation.customer_values group by all"
    ).fetchall() == [("own_rate", "not_converged", True)]


def test_a_spend_model_that_does_not_end_leaves_the_spend_at_the_mean_drawn_to_that_of_all(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = gamma_gamma.fit
    monkeypatch.setattr(fitting.gamma_gamma, "fit", lambda spends: (fit(spends)[0], ended("not_converged")))
    con = database(regulars(60), [date(2026, 6, 30)])
    last = make_values(con, POLICY_DIR).last_fit
    assert (last["method"], last["method_reason"]) == ("bg_nbd_mean_spend", "spend_not_converged")
    spends = dict(con.execute("select customer_id, expected_spend from valuation.customer_values").fetchall())
    # Two repeat purchases at 10, and three of the mean of all (10 + 29.5) beside them.
    assert spends["C000"] == pytest.approx((2 * 10 + 3 * 39.5) / 5)
    assert spends["C059"] == pytest.approx((2 * 69 + 3 * 39.5) / 5)


def test_without_a_spend_model_a_single_purchase_counts_as_policy_says() -> None:
    buyers = Buyers(
        day=date(2026, 6, 30),
        ids=None,  # type: ignore[arg-type]
        frequency=np.array([0.0, 2.0]),
        recency=np.array([0.0, 20.0]),
        age=np.array([30.0, 30.0]),
        repeat_amount=np.array([0.0, 200.0]),
        first_amount=np.array([40.0, 100.0]),
        due=np.array([True, True]),
    )
    counts = Forecaster.of(buyers, replace(POLICY, single_purchase_counts=1)).expected_spend(buyers)
    assert counts == pytest.approx(shrunk_spend(np.array([1.0, 2.0]), np.array([40.0, 200.0]), 3, 80.0))
    ignored = Forecaster.of(buyers, replace(POLICY, single_purchase_counts=0)).expected_spend(buyers)
    assert ignored == pytest.approx([100.0, 100.0])


def test_the_mean_of_all_is_the_same_in_whatever_order_customers_are_read() -> None:
    chance = np.random.default_rng(3)
    count, total = chance.integers(1, 9, 500).astype(float), np.round(chance.gamma(3.0, 100.0, 500), 2)
    spends = shrunk_spend(count, total, 3, mean_spend(count, total))
    for order in (chance.permutation(500) for _ in range(20)):
        assert np.array_equal(
            shrunk_spend(count[order], total[order], 3, mean_spend(count[order], total[order])), spends[order]
        )
