"""Customers who buy as BG/NBD says, in any number.

What belongs here: drawing them. What does not: measuring.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PurchaseDays:
    """Days with a purchase in order of customer and day: `customer` numbers, `day` since the start, `amount`."""

    customer: NDArray[np.int64]
    day: NDArray[np.int64]
    amount: Floats


def draw(customers: int, days: int, seed: int = 1) -> PurchaseDays:
    """Purchases over `days` of customers who arrive over the first two thirds; days of a customer are distinct."""
    rng = np.random.default_rng(seed)
    at = np.floor(rng.random(customers) * days * 2 / 3)
    rate, leave = rng.gamma(1.1, 1 / 45, customers), rng.beta(0.8, 3.5, customers)
    scale = 60 / rng.gamma(4.0, 1.0, customers)
    who = np.arange(customers)
    seen: list[tuple[NDArray[np.int64], Floats]] = []
    first = True
    while who.size:
        seen.append((who, at))
        stays = np.ones(who.size, dtype=bool) if first else rng.random(who.size) >= leave[who]
        first = False
        at = at + 1 + np.floor(rng.exponential(1, who.size) / rate[who])
        kept = stays & (at < days)
        who, at = who[kept], at[kept]
    customer, day = np.concatenate([w for w, _ in seen]), np.concatenate([d for _, d in seen])
    order = np.lexsort((day, customer))
    customer, day = customer[order], day[order]
    amount = np.round(rng.gamma(6.0, 1.0, customer.size) * scale[customer], 2) + 0.01
    return PurchaseDays(customer, day.astype(np.int64), amount)
