"""Value of every buyer on every day of evaluation, by fits on purchases up to that day.

What belongs here: going through the days, and the rows of each. What does not: which days keep theirs
(`kept_days.py`), statistics, and the value of customers who never bought (`int_customer_values`).
"""

from calendar import monthrange
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from orchestration.database import records, transaction
from orchestration.valuation import kept_days
from orchestration.valuation.backtest import Backtest, backtest
from orchestration.valuation.choice import Choice, choose
from orchestration.valuation.fitting import Forecaster, ModelFit, fit_models
from orchestration.valuation.policy import ValuePolicies, ValuePolicy, load_policies
from orchestration.valuation.purchases import Buyers, buyers_and_outcome, buyers_on, make_steps


@dataclass(frozen=True)
class ValueReport:
    """What there is: days of evaluation, those of them that were fitted, and of these on which everybody was valued.

    `rows` are those of all days, `last_fit` is the last row of `valuation.fits`.
    """

    days: int
    days_due: int
    days_for_everybody: int
    rows: int
    last_fit: dict[str, Any]


def make_values(con: duckdb.DuckDBPyConnection, policy_dir: Path, *, keeps: bool = False) -> ValueReport:
    """Bring the tables of schema `valuation` to the purchases and the days of evaluation in `intermediate`.

    Args:
        con: the working database.
        policy_dir: where `value_model.csv` lies.
        keeps: whether this run keeps rows of which nothing changed (`orchestration.increment`): then days with the
            purchases of before are not valued again, and of the others those are marked due on which the fit changed,
            and with it the value of everybody.

    Raises:
        UserError: the policy file is wrong.
    """
    policies = load_policies(policy_dir)
    with transaction(con):
        due = kept_days.begin(con, keeps=keeps)
        run = _Run(con, policies, keeps=keeps)
        if due:
            make_steps(con, keeps=keeps)
            # The optimiser multiplies vectors of four numbers: more threads only wait for each other, six seconds of
            # seven, and sum in an order that depends on how many cores there are.
            with threadpool_limits(limits=1, user_api="blas"):
                for day in due:
                    run.value(day)
            con.execute("drop table purchase_steps")
    days, rows = con.execute(
        "select (select count(*) from valuation.days_valued), (select count(*) from valuation.customer_values)"
    ).fetchall()[0]
    fits = records(con, "select * from valuation.fits order by evaluated_on desc limit 1", {})
    return ValueReport(days, len(due), run.days_for_everybody, rows, fits[0] if fits else {})


def months_back(day: date, months: int) -> date:
    """The day `months` months before; the last day of a month stands for last days.

    So that the end of one test is the end of a month whenever its start is.
    """
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    length = monthrange(year, month + 1)[1]
    is_last = day.day == monthrange(day.year, day.month)[1]
    return date(year, month + 1, length if is_last else min(day.day, length))


class _Run:
    """One pass over the days; a fit is kept, because it is the tested one of a later day too."""

    def __init__(self, con: duckdb.DuckDBPyConnection, policies: ValuePolicies, *, keeps: bool) -> None:
        self._con = con
        self._policies = policies
        self._keeps = keeps
        self.days_for_everybody = 0
        self._fits: dict[tuple[date, ValuePolicy], ModelFit] = {}

    def value(self, day: date) -> None:
        """Write the rows of one day; none without a buyer."""
        policy = self._policies.on(day)
        buyers = buyers_on(self._con, day)
        if not len(buyers):
            kept_days.begin_day(self._con, day, None, keeps=self._keeps)
            return
        fit = self._fit(buyers, policy)
        tested_from = months_back(day, int(policy.holdout_months))
        test = self._backtest(tested_from, day, policy) if fit.purchases else None
        choice = choose(fit, test, policy)
        forecaster = Forecaster.of(buyers, policy, choice.purchases, choice.spend)
        follows_from = (choice.method, choice.reason, forecaster.follows_from)
        everybody = kept_days.begin_day(self._con, day, follows_from, keeps=self._keeps)
        self.days_for_everybody += everybody
        self._write_values(buyers if everybody else buyers.who_are_due(), forecaster, choice)
        self._insert("fits", [_fit_row(day, fit, tested_from, test, choice, policy)])
        if test:
            self._insert("backtests", [{"evaluated_on": day, **asdict(line)} for line in test.calibration])

    def _fit(self, buyers: Buyers, policy: ValuePolicy) -> ModelFit:
        key = (buyers.day, policy)
        if key not in self._fits:
            self._fits[key] = fit_models(buyers, policy)
        return self._fits[key]

    def _backtest(self, tested_from: date, day: date, policy: ValuePolicy) -> Backtest | None:
        """The back-test of the fit on the earlier day; None where there was too little to fit or to test then."""
        buyers, outcome = buyers_and_outcome(self._con, tested_from, day)
        if len(buyers) < max(policy.minimum_test_customers, 1):
            return None
        fit = self._fit(buyers, policy)
        if fit.purchases is None:
            return None
        # Spend is tested by the fitted model where it has one to be believed.
        spend = choose(fit, None, policy).spend
        model = Forecaster.of(buyers, policy, fit.purchases, spend)
        return backtest(model, replace(model, purchases=None), buyers, outcome, float((day - tested_from).days))

    def _write_values(self, buyers: Buyers, forecaster: Forecaster, choice: Choice) -> None:
        spend = forecaster.expected_spend(buyers)
        whole = {"frequency": buyers.frequency, "recency_days": buyers.recency, "age_days": buyers.age}
        real = {
            "p_alive": forecaster.p_alive(buyers),
            "expected_purchases_90d": forecaster.expected_purchases(buyers, 90),
            "expected_purchases_365d": forecaster.expected_purchases(buyers, 365),
            "expected_spend": spend,
            "clv_90d": forecaster.expected_purchases(buyers, 90, discounted=True) * spend,
            "clv_365d": forecaster.expected_purchases(buyers, 365, discounted=True) * spend,
        }
        columns: dict[str, Any] = {"customer_id": buyers.ids}
        columns |= {name: values.astype(np.int32) for name, values in whole.items()}
        columns |= {name: np.round(values, 6) for name, values in real.items()}
        valued = pa.table(columns)
        self._con.register("valued", valued)
        self._con.execute(
            "insert into valuation.customer_values by name "
            "select *, $day as evaluated_on, $method as method, $reason as method_reason from valued",
            {"day": buyers.day, "method": choice.method, "reason": choice.reason},
        )
        self._con.unregister("valued")

    def _insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        names = ", ".join(rows[0])
        marks = ", ".join("?" for _ in rows[0])
        self._con.executemany(
            f"insert into valuation.{table} ({names}) values ({marks})", [list(row.values()) for row in rows]
        )


def _fit_row(
    day: date, fit: ModelFit, tested_from: date, test: Backtest | None, choice: Choice, policy: ValuePolicy
) -> dict[str, Any]:
    """The row of `valuation.fits`."""
    row: dict[str, Any] = {"evaluated_on": day, "buyers": fit.buyers, "repeat_buyers": fit.repeat_buyers}
    if fit.purchases and fit.purchases_optimum:
        optimum = fit.purchases_optimum
        row |= {"r": fit.purchases.r, "alpha_days": fit.purchases.alpha, "a": fit.purchases.a, "b": fit.purchases.b}
        row |= {"log_likelihood": optimum.mean_log_likelihood * fit.buyers, "verdict": optimum.verdict}
        row |= {"starts": optimum.starts, "agreeing_starts": optimum.agreeing_starts}
        row["evaluations"] = optimum.evaluations
    if fit.spend and fit.spend_optimum:
        optimum = fit.spend_optimum
        row |= {"p": fit.spend.p, "q": fit.spend.q, "gamma": fit.spend.gamma, "spend_verdict": optimum.verdict}
        row["spend_log_likelihood"] = optimum.mean_log_likelihood * fit.repeat_buyers
        row["fitted_mean_spend"] = fit.spend.mean_spend if np.isfinite(fit.spend.mean_spend) else None
        row |= {"observed_mean_spend": fit.mean_spend, "spend_frequency_correlation": fit.spend_correlation}
    if test:
        errors = {name: value for name, value in asdict(test).items() if name not in {"customers", "calibration"}}
        row |= {"tested_from": tested_from, "test_days": (day - tested_from).days, "test_customers": test.customers}
        row |= errors | {"baseline_mae": test.baseline_mae}
        row["beats_baseline"] = test.beats_baseline(policy.baseline_margin)
    return row | {"method": choice.method, "method_reason": choice.reason}
