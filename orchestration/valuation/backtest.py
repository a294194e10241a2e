"""The back-test: what a fit on earlier purchases foretold, against what was bought since, and against naive forecasts.

What belongs here: errors and the calibration table. What does not: which days are compared (`values.py`), and what
follows from a bad result (`choice.py`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.valuation.fitting import Forecaster
from orchestration.valuation.purchases import Buyers, Outcome

Floats = NDArray[np.float64]

_LAST_FREQUENCY = 7  # the calibration chart of the literature: 0 to 6 repeat purchases, and 7 or more
_FORECAST_GROUPS = 10


@dataclass(frozen=True)
class CalibrationRow:
    """Means over the customers of one group; `grouped_by` is `frequency` or `forecast` (tenths, least first)."""

    grouped_by: str
    group_number: int
    customers: int
    predicted_purchases: float
    actual_purchases: float
    own_rate_purchases: float
    cohort_mean_purchases: float
    predicted_spend: float
    actual_spend: float


@dataclass(frozen=True)
class Backtest:
    """Errors over the holdout; MAE and RMSE in purchases per customer, sums over all customers."""

    customers: int
    actual_purchases: float
    predicted_purchases: float
    mae: float
    rmse: float
    own_rate_mae: float
    cohort_mean_mae: float
    fallback_mae: float
    actual_spend: float
    predicted_spend: float
    spend_mae: float
    calibration: tuple[CalibrationRow, ...]

    @property
    def baseline_mae(self) -> float:
        """Error of the better naive forecast."""
        return min(self.own_rate_mae, self.cohort_mean_mae)

    def beats_baseline(self, margin: float) -> bool:
        """Whether the fit's error is at most the better naive forecast's, give or take a share of it."""
        return self.mae <= self.baseline_mae * (1 + margin)


def own_rate_forecast(buyers: Buyers, horizon: float) -> Floats:
    """Naive: everybody goes on at its own rate of repeat purchases, which is 0 for a single purchase."""
    watched = np.maximum(buyers.age, 1.0)
    return np.asarray(buyers.frequency / watched * horizon)


def cohort_mean_forecast(buyers: Buyers, horizon: float) -> Floats:
    """Naive: everybody goes on at the mean rate of all."""
    days = float(buyers.age.sum())
    return np.full(len(buyers), float(buyers.frequency.sum()) / days * horizon if days else 0.0)


def backtest(model: Forecaster, fallback: Forecaster, buyers: Buyers, outcome: Outcome, horizon: float) -> Backtest:
    """Compare forecasts made for `buyers` on their day with the outcome of the `horizon` days after it."""
    actual = outcome.purchases
    predicted = model.expected_purchases(buyers, horizon)
    own_rate, cohort_mean = own_rate_forecast(buyers, horizon), cohort_mean_forecast(buyers, horizon)
    spend = predicted * model.expected_spend(buyers)
    plain = fallback.expected_purchases(buyers, horizon)
    # Summed in one order whatever the order of the customers, so that a rebuild gives the same digits. The plain rule
    # tells apart whom the model expects to buy exactly never again: hundreds of purchases, then years of silence.
    order = np.lexsort((outcome.amount, spend, actual, plain, predicted))
    columns = (predicted, actual, own_rate, cohort_mean, plain, spend, outcome.amount)
    predicted, actual, own_rate, cohort_mean, plain, spend, amount = (column[order] for column in columns)
    frequency = np.minimum(buyers.frequency[order], _LAST_FREQUENCY).astype(np.intp)
    cuts = np.quantile(predicted, np.arange(1, _FORECAST_GROUPS) / _FORECAST_GROUPS)
    tenth = np.searchsorted(cuts, predicted, side="left") + 1
    measures = (predicted, actual, own_rate, cohort_mean, spend, amount)
    return Backtest(
        customers=len(buyers),
        actual_purchases=float(actual.sum()),
        predicted_purchases=float(predicted.sum()),
        mae=_mae(predicted, actual),
        rmse=float(np.sqrt(np.mean((predicted - actual) ** 2))),
        own_rate_mae=_mae(own_rate, actual),
        cohort_mean_mae=_mae(cohort_mean, actual),
        fallback_mae=_mae(plain, actual),
        actual_spend=float(amount.sum()),
        predicted_spend=float(spend.sum()),
        spend_mae=_mae(spend, amount),
        calibration=(*_table("frequency", frequency, measures), *_table("forecast", tenth, measures)),
    )


def _mae(predicted: Floats, actual: Floats) -> float:
    return float(np.mean(np.abs(predicted - actual)))


def _table(grouped_by: str, group: NDArray[np.intp], measures: tuple[Floats, ...]) -> list[CalibrationRow]:
    rows = []
    for number in np.unique(group):
        inside = group == number
        means = (float(measure[inside].mean()) for measure in measures)
        rows.append(CalibrationRow(grouped_by, int(number), int(inside.sum()), *means))
    return rows
