"""Gamma-Gamma: what a customer spends on a purchase (Fader, Hardie and Lee 2005, Journal of Marketing Research 42:4).

What belongs here: the likelihood with its gradient, the fit, and the expected spend. What does not: how often somebody
buys (`bg_nbd.py`), which the model takes to be independent of the spend, and when a fit is to be trusted
(`fitting.py`).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from orchestration.valuation.optimise import Floats, Objective, Optimum, maximise_in_units, mean_objective

_BOUNDS = ((-6.0, 8.0), (-6.0, 8.0), (-12.0, 12.0))  # logarithms; gamma in mean spends
_COARSE_ABOVE = 20_000  # customers from which the starts are tried on some of them first
_STARTS = ((1.0, 2.0, 1.0), (6.0, 4.0, 0.5), (2.0, 8.0, 4.0))


@dataclass(frozen=True)
class Parameters:
    """Spends of one customer are Gamma(p, nu), and nu differs between customers as Gamma(q, gamma).

    `gamma` is in the unit of the money.
    """

    p: float
    q: float
    gamma: float

    @property
    def mean_spend(self) -> float:
        """Mean spend over all customers; infinite for q <= 1, where the tail is too heavy for a mean."""
        return self.p * self.gamma / (self.q - 1) if self.q > 1 else float("inf")


class Spends:
    """Observed spends: each customer's number of purchases and their sum, in ascending order."""

    def __init__(self, purchases: Floats, total: Floats) -> None:
        """Take one row per customer.

        Raises:
            ValueError: a customer without a purchase or with nothing spent, which the model has no place for.
        """
        n, total = np.asarray(purchases, dtype=np.float64), np.asarray(total, dtype=np.float64)
        if n.shape != total.shape or (n < 1).any() or (total <= 0).any():
            raise ValueError("spends need at least one purchase and a sum above 0 per customer")
        order = np.lexsort((total, n))
        self.n, self.total = n[order], total[order]
        self._n, self._at = np.unique(self.n, return_inverse=True)
        self._customers = np.bincount(self._at).astype(np.float64)
        log_mean = np.log(self.total) - np.log(self.n)
        self._log_mean, self._n_log_mean = float(log_mean.sum()), float(self.n @ log_mean)

    def __len__(self) -> int:
        return int(self.n.size)

    def thinned(self, at_most: int) -> "Spends":
        """Every so-manieth customer of the ascending order, for a first, cheap look."""
        step = -(-len(self) // at_most)
        return Spends(self.n[::step], self.total[::step])

    def log_likelihood(self, parameters: Parameters) -> float:
        """Sum over customers of the logarithm of the density of their mean spend (equation 1a of the note)."""
        return self.value_and_gradient(parameters)[0]

    def value_and_gradient(self, parameters: Parameters) -> tuple[float, Floats]:
        """Log-likelihood and its gradient by the logarithms of p, q and gamma."""
        p, q, gamma = parameters.p, parameters.q, parameters.gamma
        n, weight, count = self._n, self._customers, float(len(self))
        shape = p * n + q
        log_sum = np.log(gamma + self.total)
        by_n = gammaln(shape) - gammaln(p * n) - gammaln(q) + q * np.log(gamma) + p * n * np.log(n)
        value = float(weight @ by_n - shape[self._at] @ log_sum)
        value += p * self._n_log_mean - self._log_mean  # the mean spend to the power of p*n - 1
        d_p = weight @ (n * (digamma(shape) - digamma(p * n) + np.log(n))) + self._n_log_mean - self.n @ log_sum
        d_q = weight @ (digamma(shape) - digamma(q) + np.log(gamma)) - log_sum.sum()
        d_gamma = count * q / gamma - shape[self._at] @ (1 / (gamma + self.total))
        return value, np.array([d_p * p, d_q * q, d_gamma * gamma])


def fit(spends: Spends) -> tuple[Parameters, Optimum]:
    """Parameters of greatest likelihood, from several starts.

    Raises:
        ValueError: nobody spent anything.
    """
    if not len(spends):
        raise ValueError("a fit needs customers who bought")
    unit = np.array([0.0, 0.0, np.log(spends.total.sum() / spends.n.sum())])
    coarse = _mean_log_likelihood(spends.thinned(_COARSE_ABOVE)) if len(spends) > _COARSE_ABOVE else None
    optimum = maximise_in_units(_mean_log_likelihood(spends), coarse, _STARTS, _BOUNDS, unit)
    return Parameters(*(float(value) for value in np.exp(optimum.logarithms))), optimum


def _mean_log_likelihood(spends: Spends) -> Objective:
    return mean_objective(lambda parameters: spends.value_and_gradient(Parameters(*parameters)), len(spends))


def expected_spend(parameters: Parameters, purchases: Floats, total: Floats) -> Floats:
    """Mean spend expected of each customer, between the mean of all and its own (equation 5 of the note).

    Args:
        parameters: of the fit; q must be above 1 where a customer has no purchase.
        purchases: purchases observed of each customer; 0 gives the mean of all.
        total: their sum.
    """
    n, total = np.asarray(purchases, dtype=np.float64), np.asarray(total, dtype=np.float64)
    p, q, gamma = parameters.p, parameters.q, parameters.gamma
    return np.asarray(p * (gamma + total) / (p * n + q - 1))
