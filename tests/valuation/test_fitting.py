"""Parameters as a fit states them."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from orchestration.settings import Settings
from orchestration.valuation import fitting
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


def test_parameters_of_many_buyers_are_stated_within_what_so_many_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = fit_models(buyers(0), 50)
    monkeypatch.setattr(fitting, "_STATED_FROM", BUYERS)
    stated = fit_models(buyers(0), 50)
    assert exact.purchases is not None
    assert exact.spend is not None
    assert stated.spend is not None
    pairs = [(getattr(exact.purchases, name), getattr(stated.purchases, name)) for name in ("r", "alpha", "a", "b")]
    pairs += [(exact.spend.p, stated.spend.p), (exact.spend.q - 1, stated.spend.q - 1)]
    for whole, short in pairs:
        assert whole != short
        assert short == pytest.approx(whole, rel=0.5 / np.sqrt(exact.repeat_buyers))


@pytest.mark.parametrize(("value", "stated"), [(0.75437, 0.754), (39.134, 39.1), (9106.4, 9110.0), (0.0, 0.0)])
def test_a_stated_number_has_the_digits_that_twenty_thousand_customers_tell(value: float, stated: float) -> None:
    assert fitting._stated(value) == stated


@pytest.mark.parametrize("fitted", [True, False])
def test_a_forecast_has_the_same_digits_for_some_buyers_as_for_all(fitted: bool) -> None:
    everybody = buyers(0)
    everybody.due[:] = np.arange(BUYERS) % 7 == 0
    fit = fit_models(everybody, 50)
    forecaster = Forecaster.of(everybody, POLICY, *((fit.purchases, fit.spend) if fitted else ()))
    some, due = everybody.who_are_due(), everybody.due
    assert 0 < len(some) < BUYERS / 6
    assert np.array_equal(forecaster.expected_purchases(some, 90), forecaster.expected_purchases(everybody, 90)[due])
    assert np.array_equal(forecaster.expected_spend(some), forecaster.expected_spend(everybody)[due])
