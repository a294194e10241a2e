"""Parameters as a fit states them."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from orchestration.valuation import fitting
from orchestration.valuation.fitting import fit_models
from orchestration.valuation.purchases import Buyers

BUYERS = 3_000


def buyers(extra: int) -> Buyers:
    """Buyers of a year, drawn at random, of whom `extra` more bought once and never again."""
    chance = np.random.default_rng(7)
    frequency = np.concatenate([chance.poisson(chance.gamma(0.8, 3.0, BUYERS)), np.zeros(extra)]).astype(float)
    age = np.concatenate([chance.integers(30, 365, BUYERS), np.full(extra, 200)]).astype(float)
    recency = np.where(frequency > 0, np.floor(age * np.sqrt(chance.random(BUYERS + extra))), 0.0)
    amount = np.round(frequency * chance.gamma(3.0, 100.0, BUYERS + extra) + np.where(frequency > 0, 1.0, 0.0), 2)
    ids = pa.chunked_array([pa.array([f"C{i}" for i in range(BUYERS + extra)])])
    return Buyers(date(2026, 6, 30), ids, frequency, recency, age, amount, np.full(BUYERS + extra, 100.0))


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


@pytest.mark.parametrize(
    ("value", "customers", "stated"),
    [(0.75437, 68_000, 0.754), (39.134, 68_000, 39.1), (9106.4, 68_000, 9110.0), (0.754373, 1_000_000, 0.7544)],
)
def test_more_customers_tell_more_digits(value: float, customers: int, stated: float) -> None:
    assert fitting._stated(value, customers) == stated
