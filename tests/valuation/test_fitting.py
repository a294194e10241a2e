"""Parameters as a fit states them."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from orchestration.settings import Settings
from orchestration.valuation.fitting import Forecaster, fit_models
from orchestration.valuation.policy import load_policies
from orchestration.valuation.purchases import Buyers

BUYERS = 3_000
DAY = date(2026, 6, 30)
POLICY = load_policies(Settings().policy_dir).on(DAY)


def buyers(extra: int) -> Buyers:
    """Buyers of a year, drawn at random, of whom `extra` more bought once and never again."""
    chance = np.random.default_rng(7)
    frequency = np.concatenate([chance.poisson(chance.gamma(0.8, 3.0, BUYERS)), np.zeros(extra)]).astype(float)
    age = np.concatenate([chance.integers(30, 365, BUYERS), np.full(extra, 200)]).astype(float)
    recency = np.where(frequency > 0, np.floor(age * np.sqrt(chance.random(BUYERS + extra))), 0.0)
    amount = np.round(frequency * chance.gamma(3.0, 100.0, BUYERS + extra) + np.where(frequency > 0, 1.0, 0.0), 2)
    ids = pa.chunked_array([pa.array([f"C{i}" for i in range(BUYERS + extra)])])
    first, due = np.full(BUYERS + extra, 100.0), np.ones(BUYERS + extra, dtype=bool)
    return Buyers(DAY, ids, frequency, recency, age, amount, first, due)


def test_parameters_of_many_buyers_are_stated_in_steps() -> None:
    exact = fit_models(buyers(0), POLICY)
    stated = fit_models(buyers(0), replace(POLICY, stated_from_buyers=BUYERS))
    assert exact.purchases is not None
    assert exact.spend is not None
    assert stated.spend is not None
    assert stated.purchases is not None
    pairs = [(exact.purchases.r, stated.purchases.r), (exact.purchases.alpha, stated.purchases.alpha)]
    pairs += [(exact.purchases.a / exact.purchases.b, stated.purchases.a / stated.purchases.b)]
    pairs += [(exact.spend.p, stated.spend.p), (exact.spend.q - 1, stated.spend.q - 1)]
    for whole, short in pairs:
        assert whole != short
        assert short == pytest.approx(whole, rel=0.0026)
    strength, told = exact.purchases.a + exact.purchases.b, stated.purchases.a + stated.purchases.b
    assert told == pytest.approx(strength, rel=0.026)


def test_stated_parameters_hardly_move_a_forecast() -> None:
    everybody = buyers(0)
    exact, stated = (
        Forecaster.of(everybody, POLICY, fit.purchases, fit.spend)
        for fit in (fit_models(everybody, replace(POLICY, stated_from_buyers=many)) for many in (BUYERS + 1, BUYERS))
    )
    for forecast in (lambda of: of.expected_purchases(everybody, 365), lambda of: of.expected_spend(everybody)):
        assert forecast(stated).sum() == pytest.approx(forecast(exact).sum(), rel=0.005)
        assert forecast(stated) == pytest.approx(forecast(exact), rel=0.02)


@pytest.mark.parametrize("fitted", [True, False])
def test_a_forecast_has_the_same_digits_for_some_buyers_as_for_all(fitted: bool) -> None:
    everybody = buyers(0)
    everybody.due[:] = np.arange(BUYERS) % 7 == 0
    fit = fit_models(everybody, POLICY)
    forecaster = Forecaster.of(everybody, POLICY, *((fit.purchases, fit.spend) if fitted else ()))
    some, due = everybody.who_are_due(), everybody.due
    assert 0 < len(some) < BUYERS / 6
    assert np.array_equal(forecaster.expected_purchases(some, 90), forecaster.expected_purchases(everybody, 90)[due])
    assert np.array_equal(forecaster.expected_spend(some), forecaster.expected_spend(everybody)[due])
