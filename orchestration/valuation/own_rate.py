"""The plain estimate where no model holds: each customer's own rate, drawn towards that of all buyers.

What belongs here: the rule and its formula. What does not: when it is used (`choice.py`), and its constants, which are
settings of `value_model.csv`. Times are in days.
"""

from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_YEAR = 365.0


@dataclass(frozen=True)
class OwnRate:
    """Purchases a day of the average buyer, how strongly it pulls, and how fast a silent customer fades."""

    rate_of_all: float
    prior_days: float
    half_life_days: float

    @classmethod
    def of(
        cls, frequency: Floats, age: Floats, prior_days: float, purchases_per_year: float, half_life_days: float
    ) -> "OwnRate":
        """The rule for these customers: repeat purchases per day over all of them and one average customer."""
        days = float(np.sum(age)) + prior_days
        purchases = float(np.sum(frequency)) + purchases_per_year * prior_days / _YEAR
        return cls(purchases / days if days else 0.0, prior_days, half_life_days)

    def p_alive(self, recency: Floats, age: Floats) -> Floats:
        """Halved with every half-life since the last purchase."""
        return np.asarray(np.exp2(-(age - recency) / self.half_life_days))

    def expected_purchases(
        self, frequency: Floats, recency: Floats, age: Floats, horizon: float, discount_rate: float = 0.0
    ) -> Floats:
        """The own rate over the horizon, fading on as before and discounted; arguments as in `bg_nbd`."""
        watched = age + self.prior_days
        pulled = np.asarray(frequency) + self.rate_of_all * self.prior_days
        rate = np.divide(pulled, watched, out=np.zeros_like(pulled), where=watched > 0)
        decay = np.log(2) / self.half_life_days + discount_rate
        return np.asarray(rate * self.p_alive(recency, age) * -np.expm1(-decay * horizon) / decay)


def mean_spend(purchases: Floats, total: Floats) -> float:
    """Mean over all purchases; 0 without any."""
    count = float(np.sum(purchases))
    # Exact, so that the order in which customers are read makes no difference to anybody's last digit.
    return fsum(total) / count if count else 0.0


def shrunk_spend(purchases: Floats, total: Floats, prior_purchases: float, mean_of_all: float) -> Floats:
    """Mean spend of each customer, drawn towards the mean of all purchases by `prior_purchases` of them."""
    weight = np.asarray(purchases, dtype=np.float64) + prior_purchases
    drawn = np.asarray(total) + prior_purchases * mean_of_all
    return np.asarray(np.divide(drawn, weight, out=np.full_like(drawn, mean_of_all), where=weight > 0))
