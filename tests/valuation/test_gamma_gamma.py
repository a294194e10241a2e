"""Gamma-Gamma against what was published on CDNOW, and what follows from its parameters."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime

from orchestration.valuation import gamma_gamma
from orchestration.valuation.gamma_gamma import Parameters, Spends


def test_cdnow_gives_the_published_parameters(cdnow_days: pd.DataFrame) -> None:
    days = cdnow_days[cdnow_days["day"] <= "1997-09-30"].sort_values("day")
    customers = days.groupby("customer_id")["amount"].agg(["first", "sum", "count"])
    repeat = customers[customers["count"] > 1]
    spends = Spends((repeat["count"] - 1).to_numpy(), (repeat["sum"] - repeat["first"]).to_numpy())
    parameters, optimum = gamma_gamma.fit(spends)
    assert len(spends) == 946
    found = (round(parameters.p, 2), round(parameters.q, 2), round(parameters.gamma, 2))
    assert found == (6.25, 3.74, 15.44)
    assert optimum.verdict == "converged"


def test_the_gradient_is_that_of_the_likelihood() -> None:
    spends = Spends(np.array([1.0, 1, 3, 20]), np.array([5.0, 400, 90, 3000]))
    logarithms = np.log([3.0, 4.0, 20.0])
    numeric = approx_fprime(logarithms, lambda at: spends.log_likelihood(Parameters(*np.exp(at))), 1e-7)
    assert spends.value_and_gradient(Parameters(*np.exp(logarithms)))[1] == pytest.approx(numeric, rel=1e-4)


def test_the_expected_spend_goes_from_the_mean_of_all_to_the_own_mean() -> None:
    parameters = Parameters(p=6.25, q=3.74, gamma=15.44)
    nobody, once, often = gamma_gamma.expected_spend(parameters, np.array([0, 1, 1000]), np.array([0, 100, 100_000]))
    assert nobody == pytest.approx(parameters.mean_spend)
    assert parameters.mean_spend < once < 100
    assert often == pytest.approx(100, rel=1e-3)


def test_a_tail_too_heavy_for_a_mean_says_so() -> None:
    assert Parameters(p=2, q=1, gamma=10).mean_spend == float("inf")


def test_nothing_spent_has_no_place_in_the_model() -> None:
    with pytest.raises(ValueError, match="sum above 0"):
        Spends(np.array([1.0]), np.array([0.0]))
