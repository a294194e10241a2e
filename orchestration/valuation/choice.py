"""Whether a fit is to be trusted, and by which method customers are valued when it is not.

What belongs here: the rule. What does not: its numbers (`seeds/policy/value_model.csv`) and the statistics.
"""

from dataclasses import dataclass
from typing import Literal

from orchestration.valuation import bg_nbd, gamma_gamma
from orchestration.valuation.backtest import Backtest
from orchestration.valuation.fitting import ModelFit
from orchestration.valuation.policy import ValuePolicy

Method = Literal["bg_nbd_gamma_gamma", "bg_nbd_mean_spend", "own_rate"]


@dataclass(frozen=True)
class Choice:
    """How the buyers of a day are valued; `reason` says why not by both models, and is None where they are."""

    method: Method
    reason: str | None
    purchases: bg_nbd.Parameters | None
    spend: gamma_gamma.Parameters | None


def choose(fit: ModelFit, test: Backtest | None, policy: ValuePolicy) -> Choice:
    """Both models where they hold up, else the plain rule.

    The first that holds: too few came back, no convergence, or worse than naive: own rate; spend not to be trusted:
    mean spend; else both models. Without a history long enough for a back-test a converged fit is used.
    """
    if fit.purchases is None or fit.purchases_optimum is None:
        return Choice("own_rate", "too_few_repeat_buyers", None, None)
    if fit.purchases_optimum.verdict == "not_converged":
        return Choice("own_rate", "not_converged", None, None)
    if test is not None and not test.beats_baseline(policy.baseline_margin):
        return Choice("own_rate", "worse_than_baseline", None, None)
    if fit.spend is None or fit.spend_optimum is None or fit.spend_optimum.verdict == "not_converged":
        return Choice("bg_nbd_mean_spend", "spend_not_converged", fit.purchases, None)
    if fit.mean_spend is None or fit.spend.mean_spend > policy.spend_mean_factor * fit.mean_spend:
        return Choice("bg_nbd_mean_spend", "spend_mean_implausible", fit.purchases, None)
    return Choice("bg_nbd_gamma_gamma", None, fit.purchases, fit.spend)
