"""BG/NBD: how often a customer buys and whether it still does (Fader, Hardie and Lee 2005, Marketing Science 24:2).

What belongs here: the likelihood with its gradient, the fit, and what follows from the parameters. What does not: money
(`gamma_gamma.py`), where purchases come from, and when a fit is to be trusted (`fitting.py`, `backtest.py`).

Every function is free of units: times are in whatever unit the histories are in, and `alpha` is in that unit too.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma, expit, gammaln, hyp2f1

from orchestration.valuation.optimise import Floats, Objective, Optimum, maximise_in_units, mean_objective

_QUADRATURE = np.polynomial.legendre.leggauss(64)
_AGE_NODES = 20  # Chebyshev nodes over the ages: an interpolation error below 1e-9
_SERIES_TERMS = 10_000  # a bound; terms fall so fast where the series is used that some dozens are enough
_COARSE_BINS = 32
_COARSE_ABOVE = 20_000  # distinct histories from which the starts are tried on binned times first
_LARGEST_EXPONENT = 600.0  # of e; a float ends at 709
_BOUNDS = ((-10.0, 8.0), (-10.0, 10.0), (-10.0, 8.0), (-10.0, 8.0))  # logarithms; alpha in mean ages
_STARTS = ((0.25, 0.15, 1.0, 2.5), (1.0, 0.5, 1.0, 1.0), (0.5, 0.3, 0.2, 2.0), (2.0, 1.5, 0.5, 8.0))


@dataclass(frozen=True)
class Parameters:
    """Purchases come at a rate of Gamma(r, alpha); after each the customer leaves with a chance of Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float


class Histories:
    """Purchase histories as sufficient statistics: distinct (frequency, recency, age) and how many customers have it.

    `frequency` counts repeat purchases, `recency` is the age at the last purchase (0 without a repeat), `age` the time
    from the first purchase to the end of observation. Equal histories are one row, in ascending order, so the same
    customers in any order give bit for bit the same sums.
    """

    def __init__(self, frequency: Floats, recency: Floats, age: Floats, weight: Floats | None = None) -> None:
        """Aggregate one row per customer, or per history with a weight.

        Raises:
            ValueError: a frequency is negative, a recency lies after the age, or the arrays differ in length.
        """
        x, t_x, age = (np.asarray(values, dtype=np.float64) for values in (frequency, recency, age))
        if not x.shape == t_x.shape == age.shape:
            raise ValueError("frequency, recency and age must have one entry per customer each")
        if x.size and ((x < 0).any() or (t_x < 0).any() or (t_x > age).any()):
            raise ValueError("a purchase history needs 0 <= recency <= age and a frequency of 0 or more")
        order = np.lexsort((age, t_x, x))
        x, t_x, age = x[order], t_x[order], age[order]
        counts = np.ones(x.size) if weight is None else np.asarray(weight, dtype=np.float64)[order]
        new = np.ones(x.size, dtype=bool)
        new[1:] = (np.diff(x) != 0) | (np.diff(t_x) != 0) | (np.diff(age) != 0)
        starts = np.flatnonzero(new)
        self.x, self.t_x, self.age = x[starts], t_x[starts], age[starts]
        self.weight: Floats = np.add.reduceat(counts, starts) if starts.size else counts
        self.customers = float(self.weight.sum())
        # Logarithms and gamma functions are taken once per distinct value, not once per history.
        self._x, self._at_x = np.unique(self.x, return_inverse=True)
        self._t, self._at_t = np.unique(self.t_x, return_inverse=True)
        self._age, self._at_age = np.unique(self.age, return_inverse=True)
        self._x_weight = np.bincount(self._at_x, weights=self.weight)

    def __len__(self) -> int:
        return int(self.x.size)

    @property
    def repeat_customers(self) -> float:
        """Customers with at least one repeat purchase."""
        return float(self.weight[self.x > 0].sum())

    def coarsened(self, bins: int) -> "Histories":
        """The same customers with times rounded to `bins` steps, for a first, cheap look."""
        step = self.age.max() / bins
        recency = np.round(self.t_x / step) * step
        return Histories(self.x, recency, np.maximum(np.round(self.age / step) * step, recency), self.weight)

    def log_likelihood(self, parameters: Parameters) -> float:
        """Sum over customers of the logarithm of the likelihood (equation 6 of the paper)."""
        return self.value_and_gradient(parameters)[0]

    def value_and_gradient(self, parameters: Parameters) -> tuple[float, Floats]:
        """Log-likelihood and its gradient by the logarithms of r, alpha, a and b."""
        r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
        x = self._x
        by_x = (
            gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
        )  # what depends on the frequency alone
        log_age, log_t = np.log(alpha + self._age)[self._at_age], np.log(alpha + self._t)[self._at_t]
        rx = (r + x)[self._at_x]
        # ln of: still a customer + left after the last purchase; the second is 0 without a repeat.
        with np.errstate(divide="ignore"):
            left = np.where(x > 0, np.log(a) - np.log(np.where(x > 0, b + x - 1, 1.0)), -np.inf)[self._at_x]
        alive, gone = -rx * log_age, left - rx * log_t
        either = np.logaddexp(alive, gone)
        value = float(self._x_weight @ by_x + self.weight @ either)
        share_gone = np.exp(gone - either) * self.weight
        share_alive = self.weight - share_gone
        gone_by_x = np.bincount(self._at_x, weights=share_gone, minlength=x.size)
        w = self._x_weight
        d_r = w @ (digamma(r + x) - digamma(r) + np.log(alpha)) - share_alive @ log_age - share_gone @ log_t
        d_alpha = self.customers * r / alpha - rx @ (
            share_alive / (alpha + self._age)[self._at_age] + share_gone / (alpha + self._t)[self._at_t]
        )
        d_a = w @ (digamma(a + b) - digamma(a + b + x)) + gone_by_x.sum() / a
        d_b = w @ (digamma(a + b) + digamma(b + x) - digamma(b) - digamma(a + b + x)) - gone_by_x[x > 0] @ (
            1 / (b + x[x > 0] - 1)
        )
        return value, np.array([d_r * r, d_alpha * alpha, d_a * a, d_b * b])


def fit(histories: Histories) -> tuple[Parameters, Optimum]:
    """Parameters of greatest likelihood, from several starts.

    Returns:
        The parameters and how the search ended.

    Raises:
        ValueError: nobody was observed for any time, so there is nothing to fit.
    """
    if not len(histories) or histories.age.max() <= 0:
        raise ValueError("a fit needs customers who were observed for some time")
    unit = np.array([0.0, np.log(histories.weight @ histories.age / histories.customers), 0.0, 0.0])
    coarse = _mean_log_likelihood(histories.coarsened(_COARSE_BINS)) if len(histories) > _COARSE_ABOVE else None
    optimum = maximise_in_units(_mean_log_likelihood(histories), coarse, _STARTS, _BOUNDS, unit)
    return Parameters(*(float(value) for value in np.exp(optimum.logarithms))), optimum


def _mean_log_likelihood(histories: Histories) -> Objective:
    return mean_objective(lambda parameters: histories.value_and_gradient(Parameters(*parameters)), histories.customers)


def p_alive(parameters: Parameters, frequency: Floats, recency: Floats, age: Floats) -> Floats:
    """Chance that a customer is still one at the end of observation (equation 7 of Fader, Hardie and Lee 2008).

    Without a repeat purchase it is 1: the model lets nobody leave before the first repeat.
    """
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    x = np.asarray(frequency, dtype=np.float64)
    with np.errstate(divide="ignore"):
        left = np.log(a) - np.log(np.where(x > 0, b + x - 1, np.inf))
    return np.asarray(expit(-(left + (r + x) * (np.log(alpha + age) - np.log(alpha + recency)))))


def expected_purchases(
    parameters: Parameters,
    frequency: Floats,
    recency: Floats,
    age: Floats,
    horizon: float,
    discount_rate: float = 0.0,
    ages: tuple[float, float] | None = None,
) -> Floats:
    """Purchases expected in the `horizon` after the end of observation, each discounted to that end.

    Args:
        parameters: of the fit.
        frequency: repeat purchases of each customer.
        recency: age at the last purchase.
        age: time from the first purchase to the end of observation.
        horizon: how far ahead.
        discount_rate: continuous, per unit of time; 0 gives equation 10 of the paper.
        ages: the least and greatest age of all customers, where these are some of them: with it a forecast has the
            same digits whoever else is asked for.

    The rate of purchases `s` after the end, given that the customer is alive, is
    `(r+x)/(alpha+T) * 2F1(r+x+1, a; a+b+x; -s/(alpha+T))`. Its integral is taken by quadrature, which has no pole at
    a = 1 and discounts exactly, where the closed form differences large numbers.
    """
    x, age = np.asarray(frequency, dtype=np.float64), np.asarray(age, dtype=np.float64)
    if not x.size:
        return np.zeros(0)
    distinct, at = np.unique(x, return_inverse=True)
    # For each frequency a smooth function of the logarithm of alpha + age: known at some nodes, interpolated between.
    log_age = np.log(parameters.alpha + age)
    low, high = (float(np.log(parameters.alpha + end)) for end in ages or (age.min(), age.max()))
    middle, half = (low + high) / 2, max((high - low) / 2, 1e-9)
    nodes = np.cos(np.pi * (np.arange(_AGE_NODES) + 0.5) / _AGE_NODES)
    at_nodes = _if_alive(parameters, distinct[:, None], np.exp(middle + half * nodes)[None, :], horizon, discount_rate)
    terms = np.arange(_AGE_NODES)
    basis = np.cos(np.outer(np.arccos(nodes), terms)) * np.where(terms == 0, 1.0, 2.0) / _AGE_NODES
    # Not as a product of matrices, whose last digits hang on how many rows there are.
    coefficients = sum(np.log(at_nodes[:, node]) * basis[node][:, None] for node in range(_AGE_NODES))
    position = (log_age - middle) / half
    after, before = np.zeros_like(position), np.zeros_like(position)
    for term in range(_AGE_NODES - 1, 0, -1):  # Clenshaw's recurrence
        after, before = coefficients[term][at] + 2 * position * after - before, after
    logarithm = coefficients[0][at] + position * after - before
    return np.asarray(np.exp(logarithm) * p_alive(parameters, x, recency, age))


def _if_alive(parameters: Parameters, x: Floats, alpha_age: Floats, horizon: float, discount_rate: float) -> Floats:
    """Discounted purchases of somebody who is alive at the end of observation, for each x and alpha + age."""
    r = parameters.r
    points, weights = _QUADRATURE
    # In v = ln(1 + s/(alpha+T)) the rate is smooth, however short the observation and long the horizon.
    v_end = np.log1p(horizon / alpha_age)
    total = np.zeros(np.broadcast_shapes(x.shape, alpha_age.shape))
    for point, weight in zip(points, weights, strict=True):
        v = v_end * (point + 1) / 2
        discount = np.exp(-discount_rate * alpha_age * np.expm1(v))
        total += weight * v_end / 2 * _rate_if_alive(parameters, x, v) * discount
    return (r + x) * total


def _rate_if_alive(parameters: Parameters, x: Floats, v: Floats) -> Floats:
    """`2F1(r+x+1, a; a+b+x; -(exp(v) - 1)) * exp(v)`, for each x and v."""
    r, a, b = parameters.r, parameters.a, parameters.b
    x, v = np.broadcast_arrays(x, v)
    z, rate = -np.expm1(-v), np.full(v.shape, np.nan)
    # A search that ends at its bound leaves an `a` in the hundreds, whose series can pass what a float holds.
    with np.errstate(over="ignore", invalid="ignore"):
        # Pfaff's transformation: two of its arguments do not grow with x, so the series stays short.
        short = v * (a - x - r - 1) < _LARGEST_EXPONENT
        rate[short] = _hypergeometric(a, a + b - r - 1, a + b + x[short], z[short]) * np.exp(v[short] * (1 - a))
        # Euler's has no such power of 1 - z.
        other = ~np.isfinite(rate)
        if other.any():
            y = x[other]
            rate[other] = _hypergeometric(b + y, y + r + 1, a + b + y, z[other]) * np.exp(-v[other] * (y + r))
    # Where neither can be told, hundreds of purchases in no time are followed by a rate below 1e-40.
    return np.asarray(np.nan_to_num(rate, nan=0.0, posinf=0.0))


def _hypergeometric(a: float | Floats, b: float | Floats, c: Floats, z: Floats) -> Floats:
    """Gauss' 2F1 for 0 <= z < 1, also where SciPy's routine gives NaN.

    SciPy's formula for c - a - b a whole number overflows when that number is above about 95: there the power series
    itself is short, because its terms fall like n**-(c - a - b).
    """
    a, b, c, z = np.broadcast_arrays(a, b, c, z)
    values = np.asarray(hyp2f1(a, b, c, z))
    overflowed = ~np.isfinite(values)
    if overflowed.any():
        values = values.copy()
        a, b, c, z = (part[overflowed] for part in (a, b, c, z))
        term, total = np.ones_like(z), np.ones_like(z)
        for n in range(_SERIES_TERMS):
            term = term * (a + n) * (b + n) / ((c + n) * (n + 1)) * z
            total += term
            if (np.abs(term) <= np.finfo(np.float64).eps * np.abs(total)).all():
                break
        values[overflowed] = total
    return values
