"""Value of every buyer on every day of evaluation, by fits on purchases up to that day.

What belongs here: going through the days, and the rows of each. What does not: which days keep theirs
(`kept_days.py`), statistics, and the value of customers who never bought (`int_customer_values`).
"""

from calendar import monthrange
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
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
from orchestration.valuation.purchases import Buyers, Outcome, buyers_and_outcome, buyers_on, make_steps


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
                run.value(due)
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


@dataclass(frozen=True)
class _Judged:
    """What is known of a day before anybody is valued: its buyers, the fit, its test and what follows from both."""

    buyers: Buyers
    policy: ValuePolicy
    fit: ModelFit
    tested_from: date
    test: Backtest | None
    choice: Choice
    forecaster: Forecaster


class _Run:
    """One pass over the days; a fit is kept, because it is the tested one of a later day too."""

    def __init__(self, con: duckdb.DuckDBPyConnection, policies: ValuePolicies, *, keeps: bool) -> None:
        self._con = con
        self._policies = policies
        self._keeps = keeps
        self.days_for_everybody = 0
        self._fits: dict[tuple[date, ValuePolicy], Future[ModelFit]] = {}

    def value(self, days: Sequence[date]) -> None:
        """Write the rows of each day; none without a buyer."""
        for day, judged in zip(days, self._judged(days), strict=True):
            if judged is None:
                kept_days.begin_day(self._con, day, None, keeps=self._keeps)
            else:
                self._write(judged)

    def _judged(self, days: Sequence[date]) -> Iterator[_Judged | None]:
        """What is known of each day, in their order; None without a buyer.

        Days are fitted side by side, one on each core that DuckDB may use, while this thread reads and writes.
        """
        threads = int(self._con.execute("select current_setting('threads')").fetchall()[0][0])
        with ThreadPoolExecutor(threads, thread_name_prefix="valuation") as pool:
            begun: deque[Future[_Judged] | None] = deque()
            for day in days:
                begun.append(self._begin(pool, day))
                # Buyers of a day take 60 MB a million: not more days than are worked on, and one that waits.
                if len(begun) > threads + 1:
                    yield _result(begun.popleft())
            while begun:
                yield _result(begun.popleft())

    def _begin(self, pool: Executor, day: date) -> Future[_Judged] | None:
        """Read the purchases of a day and have it judged; None without a buyer."""
        policy = self._policies.on(day)
        buyers = buyers_on(self._con, day)
        if not len(buyers):
            return None
        tested_from = months_back(day, int(policy.holdout_months))
        earlier, outcome = buyers_and_outcome(self._con, tested_from, day)
        # Fits are begun before what waits for them, so that never all threads wait.
        fit = self._fit(pool, buyers, policy)
        enough = len(earlier) >= max(policy.minimum_test_customers, 1)
        earlier_fit = self._fit(pool, earlier, policy) if enough else None
        return pool.submit(_judge, policy, buyers, fit, earlier, earlier_fit, outcome)

    def _fit(self, pool: Executor, buyers: Buyers, policy: ValuePolicy) -> Future[ModelFit]:
        key = (buyers.day, policy)
        if key not in self._fits:
            self._fits[key] = pool.submit(fit_models, buyers, policy)
        return self._fits[key]

    def _write(self, judged: _Judged) -> None:
        """Write the rows of one day."""
        day, choice, forecaster = judged.buyers.day, judged.choice, judged.forecaster
        follows_from = (choice.method, choice.reason, forecaster.follows_from)
        everybody = kept_days.begin_day(self._con, day, follows_from, keeps=self._keeps)
        self.days_for_everybody += everybody
        self._write_values(judged.buyers if everybody else judged.buyers.who_are_due(), forecaster, choice)
        self._insert("fits", [_fit_row(judged)])
        if judged.test:
            self._insert("backtests", [{"evaluated_on": day, **asdict(line)} for line in judged.test.calibration])

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


def _result(begun: Future[_Judged] | None) -> _Judged | None:
    return None if begun is None else begun.result()


def _judge(
    policy: ValuePolicy,
    buyers: Buyers,
    fitted: Future[ModelFit],
    earlier: Buyers,
    earlier_fitted: Future[ModelFit] | None,
    outcome: Outcome,
) -> _Judged:
    """Test the fit on the earlier day by what was bought since, and choose how the buyers are valued."""
    fit = fitted.result()
    test = None
    if fit.purchases is not None and earlier_fitted is not None:
        test = _backtest(earlier, earlier_fitted.result(), outcome, float((buyers.day - earlier.day).days), policy)
    choice = choose(fit, test, policy)
    forecaster = Forecaster.of(buyers, policy, choice.purchases, choice.spend)
    return _Judged(buyers, policy, fit, earlier.day, test, choice, forecaster)


def _backtest(buyers: Buyers, fit: ModelFit, outcome: Outcome, horizon: float, policy: ValuePolicy) -> Backtest | None:
    """The back-test of the fit on the earlier day; None where there was too little to fit then."""
    if fit.purchases is None:
        return None
    # Spend is tested by the fitted model where it has one to be believed.
    spend = choose(fit, None, policy).spend
    model = Forecaster.of(buyers, policy, fit.purchases, spend)
    return backtest(model, replace(model, purchases=None), buyers, outcome, horizon)


def _fit_row(judged: _Judged) -> dict[str, Any]:
    """The row of `valuation.fits`."""
    day, fit, tested_from, test = judged.buyers.day, judged.fit, judged.tested_from, judged.test
    choice, policy = judged.choice, judged.policy
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
