"""Both models on the buyers of one day, and what they foretell.

What belongs here: fitting, and forecasts by the models or by the plain rule. What does not: the formulas
(`bg_nbd.py`, `gamma_gamma.py`, `own_rate.py`), and the choice between them (`choice.py`).
"""

from dataclasses import dataclass
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray

from orchestration.valuation import bg_nbd, gamma_gamma
from orchestration.valuation.optimise import Optimum
from orchestration.valuation.own_rate import OwnRate, mean_spend, shrunk_spend
from orchestration.valuation.policy import ValuePolicy
from orchestration.valuation.purchases import Buyers

Floats = NDArray[np.float64]

DAYS_OF_YEAR = 365.0


@dataclass(frozen=True)
class ModelFit:
    """The models fitted on the buyers of one day; None where there was too little to fit."""

    buyers: int
    repeat_buyers: int
    purchases: bg_nbd.Parameters | None = None
    purchases_optimum: Optimum | None = None
    spend: gamma_gamma.Parameters | None = None
    spend_optimum: Optimum | None = None
    mean_spend: float | None = None
    spend_correlation: float | None = None


def fit_models(buyers: Buyers, policy: ValuePolicy) -> ModelFit:
    """Fit purchases on all buyers and spend on those who came back, unless fewer than the minimum did.

    Of many buyers parameters are stated in steps, because two accounts that turn out to be one person must not move the
    value of everybody else in every month (docs/decisions/0011).
    """
    repeat = buyers.repeat
    count = int(repeat.sum())
    if count < max(policy.minimum_repeat_buyers, 1):
        return ModelFit(len(buyers), count)
    purchases, optimum = bg_nbd.fit(bg_nbd.Histories(buyers.frequency, buyers.recency, buyers.age))
    frequency, total = buyers.frequency[repeat], buyers.repeat_amount[repeat]
    spend, spend_optimum = gamma_gamma.fit(gamma_gamma.Spends(frequency, total))
    if len(buyers) >= policy.stated_from_buyers:
        purchases, spend = _stated_purchases(purchases, policy), _stated_spend(spend, policy)
    return ModelFit(
        buyers=len(buyers),
        repeat_buyers=count,
        purchases=purchases,
        purchases_optimum=optimum,
        spend=spend,
        spend_optimum=spend_optimum,
        mean_spend=float(np.sort(total).sum() / frequency.sum()),
        spend_correlation=_correlation(frequency, total / frequency),
    )


def _stated_purchases(fitted: bg_nbd.Parameters, policy: ValuePolicy) -> bg_nbd.Parameters:
    """Leaving is stated by its odds and its strength: the sample tells the first well, a and b alone badly."""
    r, alpha, odds = (_stated(value, policy.stated_step) for value in (fitted.r, fitted.alpha, fitted.a / fitted.b))
    strength = _stated(fitted.a + fitted.b, policy.stated_step_of_strength)
    return bg_nbd.Parameters(r, alpha, strength * odds / (1 + odds), strength / (1 + odds))


def _stated_spend(fitted: gamma_gamma.Parameters, policy: ValuePolicy) -> gamma_gamma.Parameters:
    # The mean spend hangs on q - 1.
    p, over_one, gamma = (_stated(value, policy.stated_step) for value in (fitted.p, fitted.q - 1, fitted.gamma))
    return gamma_gamma.Parameters(p, 1 + over_one, gamma)


def _stated(value: float, step: float) -> float:
    """The nearest of the numbers that lie `step` apart in their logarithm; what has none as it is."""
    return exp(round(log(value) / step) * step) if 0 < value < inf else value


def _correlation(left: Floats, right: Floats) -> float | None:
    """Pearson's correlation; None where one of them does not vary."""
    if left.std() == 0 or right.std() == 0:
        return None
    order = np.lexsort((right, left))
    return float(np.corrcoef(left[order], right[order])[0, 1])


@dataclass(frozen=True)
class Forecaster:
    """Foretells purchases and spend of buyers, by the models it holds and else by the plain rule.

    A forecast follows from these numbers and the buyer's own purchases alone, to the last digit, so it is the same for
    some of the buyers as for all. `own_rate` and `mean_spend` (None beside a spend model) are the plain rule's, `ages`
    the least and greatest age.
    """

    purchases: bg_nbd.Parameters | None
    spend: gamma_gamma.Parameters | None
    own_rate: OwnRate
    mean_spend: float | None
    ages: tuple[float, float]
    policy: ValuePolicy

    @classmethod
    def of(
        cls,
        buyers: Buyers,
        policy: ValuePolicy,
        purchases: bg_nbd.Parameters | None = None,
        spend: gamma_gamma.Parameters | None = None,
    ) -> "Forecaster":
        """A forecaster whose plain rule is drawn from these buyers, of whom there is one at least."""
        own_rate = OwnRate.of(
            buyers.frequency,
            buyers.age,
            policy.fallback_prior_days,
            policy.fallback_purchases_per_year,
            policy.fallback_half_life_days,
        )
        ages = (float(buyers.age.min()), float(buyers.age.max()))
        of_all = None if spend else mean_spend(*_spent(buyers, policy))
        return cls(purchases, spend, own_rate, of_all, ages, policy)

    @property
    def follows_from(self) -> tuple[object, ...]:
        """What forecasts follow from beside a buyer's own purchases and the policy."""
        return (
            (self.purchases, self.ages) if self.purchases else self.own_rate,
            self.spend or self.mean_spend,
        )

    def p_alive(self, buyers: Buyers) -> Floats:
        """Chance that each is still a customer."""
        if self.purchases is None:
            return self.own_rate.p_alive(buyers.recency, buyers.age)
        return bg_nbd.p_alive(self.purchases, buyers.frequency, buyers.recency, buyers.age)

    def expected_purchases(self, buyers: Buyers, horizon: float, *, discounted: bool = False) -> Floats:
        """Purchases expected of each in the next `horizon` days."""
        rate = float(np.log1p(self.policy.annual_discount_rate) / DAYS_OF_YEAR) if discounted else 0.0
        arguments = (buyers.frequency, buyers.recency, buyers.age, horizon, rate)
        if self.purchases is None:
            return self.own_rate.expected_purchases(*arguments)
        return bg_nbd.expected_purchases(self.purchases, *arguments, ages=self.ages)

    def expected_spend(self, buyers: Buyers) -> Floats:
        """Net amount expected of each on a purchase: from the repeat purchases, or the only one there is."""
        count, total = _spent(buyers, self.policy)
        if self.spend:
            return gamma_gamma.expected_spend(self.spend, count, total)
        return shrunk_spend(count, total, self.policy.fallback_prior_purchases, self.mean_spend or 0.0)


def _spent(buyers: Buyers, policy: ValuePolicy) -> tuple[Floats, Floats]:
    """Purchases that tell what each spends, and their net amount: the repeat ones, or the only one there is."""
    if not policy.single_purchase_counts:
        return buyers.frequency, buyers.repeat_amount
    single = ~buyers.repeat
    count = np.where(single, 1.0, buyers.frequency)
    return count, np.where(single, buyers.first_amount, buyers.repeat_amount)
