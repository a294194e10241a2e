"""Errors of a forecast against what came."""

from datetime import date

import numpy as np
import pyarrow as pa

from orchestration.settings import Settings
from orchestration.valuation import bg_nbd
from orchestration.valuation.backtest import Backtest, backtest
from orchestration.valuation.fitting import Forecaster
from orchestration.valuation.policy import load_policies
from orchestration.valuation.purchases import Buyers, Outcome

DAY, BUYERS = date(2026, 6, 30), 40


def test_the_order_of_customers_moves_no_digit_even_of_those_expected_never_again() -> None:
    """Of hundreds of purchases and then years without one, the model expects exactly none: a tie that others break."""
    chance = np.random.default_rng(1)
    frequency = chance.integers(300, 600, BUYERS).astype(float)
    recency = frequency + chance.integers(0, 50, BUYERS)
    age = recency + chance.integers(5000, 6000, BUYERS)
    policy = load_policies(Settings().policy_dir).on(DAY)
    parameters = bg_nbd.Parameters(r=0.5, alpha=30.0, a=0.7, b=2.5)

    def tested(order: np.ndarray) -> Backtest:
        ids = pa.chunked_array([pa.array([str(number) for number in order])])
        amount = 7.0 * frequency[order]
        everybody = np.ones(BUYERS, dtype=bool)
        buyers = Buyers(DAY, ids, frequency[order], recency[order], age[order], amount, amount, everybody)
        nothing = Outcome(np.zeros(BUYERS), np.zeros(BUYERS))
        model, plain = Forecaster.of(buyers, policy, parameters), Forecaster.of(buyers, policy)
        return backtest(model, plain, buyers, nothing, 184.0)

    found = tested(np.arange(BUYERS))
    assert (found.predicted_purchases, found.own_rate_mae > 0) == (0.0, True)
    assert all(tested(chance.permutation(BUYERS)) == found for _ in range(5))
