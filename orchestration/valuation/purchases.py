"""What each buyer had bought by a day: the input of every fit and score.

What belongs here: reading `intermediate.int_purchase_days_aggregated` as of any day. What does not: statistics.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Buyers:
    """Everybody who had bought by `day`, one entry per customer in each array; times in whole days.

    Purchases of one day count as one. `frequency` counts the days after the first, `recency` runs from the first to the
    last, `age` from the first to `day`. `repeat_amount` is the net amount of the repeat purchases, `first_amount` that
    of the first. `due`: whose facts changed since the run before; everybody where nothing is kept.
    """

    day: date
    ids: pa.ChunkedArray
    frequency: Floats
    recency: Floats
    age: Floats
    repeat_amount: Floats
    first_amount: Floats
    due: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.frequency.size)

    @property
    def repeat(self) -> NDArray[np.bool_]:
        """Who came back."""
        return np.asarray(self.frequency > 0)

    def who_are_due(self) -> "Buyers":
        """Those whose facts changed."""
        numbers = ("frequency", "recency", "age", "repeat_amount", "first_amount", "due")
        their: dict[str, Any] = {name: getattr(self, name)[self.due] for name in numbers}
        return Buyers(day=self.day, ids=self.ids.filter(pa.array(self.due)), **their)


@dataclass(frozen=True)
class Outcome:
    """What the buyers of a day bought after it, up to another: purchases and net amount, in the same order."""

    purchases: Floats
    amount: Floats


def make_steps(con: duckdb.DuckDBPyConnection, *, keeps: bool) -> None:
    """Make the temporary table `purchase_steps`: what is true of a buyer from one purchase to the next.

    One row per customer and day with a purchase. `keeps`: whether `increment.customers_due` says who is due; else
    everybody is.
    """
    is_due = "customer_id in (select customer_id from increment.customers_due)" if keeps else "true"
    con.execute(f"""
        create or replace temp table purchase_steps as
        select
            customer_id,
            purchased_on as from_day,
            coalesce(lead(purchased_on) over so_far, date '9999-12-31') as to_day,
            min(purchased_on) over so_far as first_on,
            row_number() over so_far - 1 as frequency,
            cast(first_value(purchased_amount) over so_far as double) as first_amount,
            cast(sum(purchased_amount) over so_far - first_value(purchased_amount) over so_far as double)
                as repeat_amount,
            {is_due} as is_due
        from intermediate.int_purchase_days_aggregated
        where purchases > 0
        window so_far as (
            partition by customer_id order by purchased_on rows between unbounded preceding and current row
        )
    """)


def buyers_on(con: duckdb.DuckDBPyConnection, day: date) -> Buyers:
    """Everybody who had bought by the end of `day`."""
    return _buyers(day, con.execute(f"{_STATE} {_HOLDS}", {"day": day}).to_arrow_table())


def buyers_and_outcome(con: duckdb.DuckDBPyConnection, day: date, until: date) -> tuple[Buyers, Outcome]:
    """Everybody who had bought by the end of `day`, and what they bought from then to the end of `until`."""
    table = con.execute(
        f"""
        with at_day as ({_STATE} {_HOLDS}),
        at_end as (
            select customer_id, frequency, repeat_amount from purchase_steps
            where from_day <= $until and to_day > $until
        )
        select
            at_day.*,
            cast(at_end.frequency - at_day.frequency as double) as later_purchases,
            at_end.repeat_amount - at_day.repeat_amount as later_amount
        from at_day
        inner join at_end on at_day.customer_id = at_end.customer_id
        """,
        {"day": day, "until": until},
    ).to_arrow_table()
    return _buyers(day, table), Outcome(_floats(table, "later_purchases"), _floats(table, "later_amount"))


_STATE = """
    select
        customer_id,
        cast(frequency as double) as frequency,
        cast(from_day - first_on as double) as recency,
        cast($day - first_on as double) as age,
        repeat_amount,
        first_amount,
        is_due
    from purchase_steps
"""
_HOLDS = "where from_day <= $day and to_day > $day"


def _buyers(day: date, table: pa.Table) -> Buyers:
    columns: dict[str, Any] = {
        name: _floats(table, name) for name in ("frequency", "recency", "age", "repeat_amount", "first_amount")
    }
    due = np.asarray(table.column("is_due").to_numpy(), dtype=np.bool_)
    return Buyers(day=day, ids=table.column("customer_id"), due=due, **columns)


def _floats(table: pa.Table, column: str) -> Floats:
    return np.asarray(table.column(column).to_numpy(), dtype=np.float64)
