"""BG/NBD against what was published on CDNOW, its own definitions, and hard corners."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.special import hyp2f1
from scipy.stats import beta

from orchestration.valuation import bg_nbd
from orchestration.valuation.bg_nbd import Histories, Parameters

PUBLISHED = Parameters(r=0.2426, alpha=4.4136, a=0.7929, b=2.4259)


def of(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


@pytest.fixture(scope="module")
def cdnow(cdnow_days: pd.DataFrame) -> Histories:
    """The first 39 weeks, in weeks."""
    end = pd.Timestamp("1997-09-30")
    days = cdnow_days[cdnow_days["day"] <= end].groupby("customer_id")["day"].agg(["min", "max", "count"])
    recency, age = (days["max"] - days["min"]).dt.days / 7, (end - days["min"]).dt.days / 7
    return Histories((days["count"] - 1).to_numpy(), recency.to_numpy(), age.to_numpy())


def test_cdnow_gives_the_published_parameters_and_likelihood(cdnow: Histories) -> None:
    parameters, optimum = bg_nbd.fit(cdnow)
    found = (parameters.r, parameters.alpha, parameters.a, parameters.b)
    assert tuple(round(value, 4) for value in found) == (0.2426, 4.4136, 0.7929, 2.4259)
    assert round(cdnow.log_likelihood(parameters), 2) == -9582.43
    assert optimum.verdict == "converged"
    assert optimum.agreeing_starts == optimum.starts == 4


def test_the_published_customer_has_the_published_forecast(cdnow: Histories) -> None:
    parameters, _ = bg_nbd.fit(cdnow)
    customer = of(26), of(30.857142857), of(31)
    assert bg_nbd.expected_purchases(parameters, *customer, 52)[0] == pytest.approx(25.757, abs=1e-3)
    assert bg_nbd.p_alive(parameters, *customer)[0] == pytest.approx(0.96885, abs=1e-5)


def test_the_unit_of_time_changes_nothing_but_alpha(cdnow: Histories) -> None:
    weeks, _ = bg_nbd.fit(cdnow)
    days, _ = bg_nbd.fit(Histories(cdnow.x, cdnow.t_x * 7, cdnow.age * 7, cdnow.weight))
    assert (days.r, days.alpha / 7, days.a, days.b) == pytest.approx((weeks.r, weeks.alpha, weeks.a, weeks.b), rel=1e-5)


def test_equal_customers_in_any_order_give_the_same_digits() -> None:
    rng = np.random.default_rng(1)
    age = rng.integers(1, 400, 800).astype(float)
    x = rng.poisson(1.5, 800).astype(float)
    t_x = np.where(x > 0, np.floor(age * rng.random(800)), 0.0)
    order = rng.permutation(800)
    assert bg_nbd.fit(Histories(x, t_x, age))[0] == bg_nbd.fit(Histories(x[order], t_x[order], age[order]))[0]


def test_the_gradient_is_that_of_the_likelihood() -> None:
    histories = Histories(of(0, 0, 1, 3, 40), of(0, 0, 5, 30, 300), of(0, 20, 20, 31, 300), of(3, 1, 2, 1, 1))
    logarithms = np.log([0.3, 5.0, 0.7, 2.0])
    numeric = approx_fprime(logarithms, lambda at: histories.log_likelihood(Parameters(*np.exp(at))), 1e-7)
    _, gradient = histories.value_and_gradient(Parameters(*np.exp(logarithms)))
    assert gradient == pytest.approx(numeric, rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    r=st.floats(0.05, 20),
    alpha=st.floats(0.5, 300),
    a=st.floats(0.05, 50),
    b=st.floats(0.05, 50),
    x=st.integers(0, 300),
    horizon=st.sampled_from([1.0, 90.0, 365.0]),
    age=st.floats(0, 1500),
    share=st.floats(0, 1),
)
@example(r=4.758546, alpha=1.0, a=1.758546, b=1.5, x=124, horizon=90.0, age=0.0, share=0.0)  # SciPy's 2F1 gives NaN
def test_expected_purchases_are_the_closed_form_wherever_that_can_be_computed(
    r: float, alpha: float, a: float, b: float, x: int, horizon: float, age: float, share: float
) -> None:
    if abs(a - 1) < 0.05:
        a = 1.2
    parameters, recency = Parameters(r, alpha, a, b), age * share if x else 0.0
    ours = bg_nbd.expected_purchases(parameters, of(x), of(recency), of(age), horizon)[0]
    z = horizon / (alpha + age + horizon)
    alive = bg_nbd.p_alive(parameters, of(x), of(recency), of(age))[0]
    with np.errstate(invalid="ignore"):
        series = hyp2f1(r + x, b + x, a + b + x - 1, z) * ((alpha + age) / (alpha + age + horizon)) ** (r + x)
        closed = (a + b + x - 1) / (a - 1) * (1 - series) * alive
    # Where the closed form subtracts nearly equal numbers, or its series fails, it is no reference.
    if np.isfinite(closed) and 1e-4 < abs(1 - series) < 1e3:
        assert ours == pytest.approx(closed, rel=1e-5, abs=1e-9)


def test_discounting_is_the_integral_of_the_discounted_rate() -> None:
    x, age, delta = 5, 200.0, 0.0003

    def rate(s: float) -> float:
        p = PUBLISHED
        shape = p.r + x
        inner = quad(
            lambda chance: beta.pdf(chance, p.a, p.b + x) * (1 + chance * s / (p.alpha + age)) ** -(shape + 1), 0, 1
        )[0]
        return float(shape / (p.alpha + age) * inner * np.exp(-delta * s))

    expected = quad(rate, 0, 365)[0] * bg_nbd.p_alive(PUBLISHED, of(x), of(190), of(age))[0]
    ours = bg_nbd.expected_purchases(PUBLISHED, of(x), of(190), of(age), 365, delta)
    assert ours[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("a", "b"), [(727.0866, 2980.958), (2980.0, 0.001), (300.0, 2.0)])
@pytest.mark.parametrize("horizon", [90.0, 365.0, 40_000.0])
def test_a_search_that_ended_at_its_bound_expects_what_the_mixture_over_chances_does(
    a: float, b: float, horizon: float
) -> None:
    # 2F1(r + x + 1, a; a + b + x; -w) is the mean of (1 + chance * w) ** -(r + x + 1) over Beta(a, b + x).
    parameters, x, age = Parameters(1.345839, 143.6351, a, b), np.array([0.0, 1.0, 6.0]), np.full(3, 215.0)
    chances = beta.ppf((np.arange(2000) + 0.5) / 2000, a, b + x[:, None])
    points, weights = np.polynomial.legendre.leggauss(200)
    # Over the logarithm of the time, since the rate falls within days.
    times = np.expm1(np.log1p(horizon) * (points + 1) / 2)
    shape = parameters.r + x[:, None] + 1
    rate = [np.mean((1 + chances * s / (parameters.alpha + 215)) ** -shape, axis=1) for s in times]
    steps = weights * np.log1p(horizon) / 2 * (1 + times)
    expected = (parameters.r + x) / (parameters.alpha + 215) * (steps @ np.array(rate))
    expected *= bg_nbd.p_alive(parameters, x, age * (x > 0), age)
    assert bg_nbd.expected_purchases(parameters, x, age * (x > 0), age, horizon) == pytest.approx(expected, rel=1e-4)


def test_many_customers_at_once_get_what_each_gets_alone() -> None:
    rng = np.random.default_rng(2)
    age = rng.integers(0, 1000, 500).astype(float)
    x = rng.integers(0, 60, 500).astype(float)
    t_x = np.where(x > 0, np.floor(age * rng.random(500)), 0.0)
    together = bg_nbd.expected_purchases(PUBLISHED, x, t_x, age, 365)
    alone = [
        bg_nbd.expected_purchases(PUBLISHED, x[i : i + 1], t_x[i : i + 1], age[i : i + 1], 365)[0] for i in range(500)
    ]
    assert together == pytest.approx(np.array(alone), rel=1e-7)


def test_somebody_who_came_once_is_alive_and_expected_the_less_the_longer_ago() -> None:
    age = of(0, 30, 365)
    assert bg_nbd.p_alive(PUBLISHED, of(0, 0, 0), of(0, 0, 0), age).tolist() == [1, 1, 1]
    forecasts = bg_nbd.expected_purchases(PUBLISHED, of(0, 0, 0), of(0, 0, 0), age, 365)
    assert (np.diff(forecasts) < 0).all()


def test_customers_who_never_leave_end_at_a_bound_with_a_sound_forecast() -> None:
    rng = np.random.default_rng(3)
    rate = rng.gamma(2.0, 1 / 60, 2000)
    age = np.full(2000, 300.0)
    x = rng.poisson(rate * 300).astype(float)
    t_x = np.where(x > 0, np.floor(300 * rng.random(2000) ** (1 / np.maximum(x, 1))), 0.0)
    parameters, optimum = bg_nbd.fit(Histories(x, t_x, age))
    assert optimum.verdict in {"at_bound", "converged"}
    forecast = bg_nbd.expected_purchases(parameters, x, t_x, age, 300)
    assert forecast.sum() == pytest.approx(x.sum(), rel=0.05)


@pytest.mark.parametrize(("x", "t_x", "age"), [(of(-1), of(0), of(1)), (of(1), of(3), of(2)), (of(1, 2), of(1), of(2))])
def test_a_history_that_cannot_be_is_refused(x: np.ndarray, t_x: np.ndarray, age: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"frequency|recency"):
        Histories(x, t_x, age)


def test_customers_all_seen_today_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="observed for some time"):
        bg_nbd.fit(Histories(of(0, 0), of(0, 0), of(0, 0)))
