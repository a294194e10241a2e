"""The search for the greatest likelihood: from several starts, with a verdict on how it ended.

What belongs here: one call of SciPy's optimiser and the judgement of where it stopped. What does not: any likelihood.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats]]
Verdict = Literal["converged", "at_bound", "not_converged"]

_STEEP = (
    1e-6  # greatest slope of the mean log-likelihood, per relative change of a parameter, that still counts as flat
)
_FLAT, _NEARLY_FLAT = 1e-8, 1e-4  # slopes at which a search stops
_SAME = 1e-7  # difference of mean log-likelihoods below which two starts found one optimum
_AT_BOUND = 1e-6


@dataclass(frozen=True)
class Optimum:
    """Where the search ended, in logarithms of the parameters.

    `verdict`: `converged`; `at_bound`, when the likelihood still rises beyond a bound (a parameter tends to 0 or
    infinity, the data do not tell it, predictions hold); `not_converged`. `agreeing_starts` of `starts` ended there.
    """

    logarithms: Floats
    mean_log_likelihood: float
    verdict: Verdict
    starts: int
    agreeing_starts: int
    evaluations: int


def mean_objective(total: Callable[[Floats], tuple[float, Floats]], customers: float) -> Objective:
    """What `maximise` climbs: per customer, so that its tolerances do not depend on how many there are.

    Args:
        total: log-likelihood of all customers and its gradient along the logarithms, at the parameters.
        customers: how many there are.
    """

    def objective(logarithms: Floats) -> tuple[float, Floats]:
        value, gradient = total(np.exp(logarithms))
        return value / customers, gradient / customers

    return objective


def maximise_in_units(
    objective: Objective,
    coarse: Objective | None,
    starts: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
    unit: Floats,
) -> Optimum:
    """Climb from starts that are given in the units of the data.

    Args:
        objective: as for `maximise`.
        coarse: the same of fewer data; where there is one, the search begins where that of it ends.
        starts: parameters to start from, in units.
        bounds: least and greatest logarithm of each parameter, in units.
        unit: logarithm of the unit of each parameter.
    """
    shifted = [(low + shift, high + shift) for (low, high), shift in zip(bounds, unit, strict=True)]
    begun = [np.log(start) + unit for start in starts]
    if coarse is not None:
        begun = [maximise(coarse, begun, shifted, rough=True).logarithms]
    return maximise(objective, begun, shifted)


def maximise(
    objective: Objective, starts: Sequence[Floats], bounds: Sequence[tuple[float, float]], *, rough: bool = False
) -> Optimum:
    """Climb from each start and keep the highest point.

    Args:
        objective: mean log-likelihood and its gradient at the logarithms of the parameters.
        starts: logarithms to start from.
        bounds: least and greatest logarithm of each parameter.
        rough: stop where it is nearly flat: the end is only the start of another search.
    """
    lower, upper = (np.array(side) for side in zip(*bounds, strict=True))

    def descent(logarithms: Floats) -> tuple[float, Floats]:
        value, gradient = objective(logarithms)
        return -value, -gradient

    ends = [
        minimize(  # type: ignore[no-untyped-call]
            descent,
            np.clip(start, lower, upper),
            jac=True,
            method="L-BFGS-B",
            bounds=list(bounds),
            # Flatness ends the search, not a small step: along a ridge the steps are small long before the top.
            options={
                "maxiter": 1000,
                "maxfun": 2000,
                "ftol": 0.0,
                "gtol": _NEARLY_FLAT if rough else _FLAT,
                "maxcor": 20,
            },
        )
        for start in starts
    ]
    finite = [end for end in ends if np.isfinite(end.fun) and np.isfinite(end.x).all()]
    if not finite:
        worst = np.clip(starts[0], lower, upper)
        return Optimum(worst, -np.inf, "not_converged", len(starts), 0, sum(int(end.nfev) for end in ends))
    best = min(finite, key=lambda end: float(end.fun))
    at_lower, at_upper = best.x <= lower + _AT_BOUND, best.x >= upper - _AT_BOUND
    slope = np.where(at_lower, np.minimum(best.jac, 0), np.where(at_upper, np.maximum(best.jac, 0), best.jac))
    verdict: Verdict = "not_converged"
    if np.abs(slope).max() <= _STEEP:
        verdict = "at_bound" if (at_lower | at_upper).any() else "converged"
    return Optimum(
        logarithms=best.x,
        mean_log_likelihood=-float(best.fun),
        verdict=verdict,
        starts=len(starts),
        agreeing_starts=sum(abs(float(end.fun) - float(best.fun)) <= _SAME for end in finite),
        evaluations=sum(int(end.nfev) for end in ends),
    )
