"""When each row is delivered, how often, and what is wrong with it.

What belongs here: late, repeated, corrected and broken rows, and the counts that a loader must find. What
does not: file formats (`files.py`).
"""

from dataclasses import dataclass

import numpy as np

from seeds.generator.tables import Table
from seeds.generator.vocabulary import Bools, Ints, Profile, pick, read_rows, stream

LOADED, SUPERSEDED, REPEATED, QUARANTINED = range(4)
STATUSES = ("loaded", "superseded", "repeated", "quarantined")


@dataclass(frozen=True)
class RowFault:
    """One way in which a row breaks its contract."""

    column: str
    value: str
    reason: str
    weight: float


def faults_of(dataset: str) -> list[RowFault]:
    """The faults of a dataset; fault number n of a delivered row is element n-1."""
    return [
        RowFault(r["column"], r["value"], r["reason"], float(r["weight"]))
        for r in read_rows("row_faults")
        if r["dataset"] == dataset
    ]


@dataclass(frozen=True)
class Delivered:
    """Delivered rows in order of delivery, file and time; one element each."""

    row: Ints  # index into the table
    turn: Ints  # number of the delivery, from 0
    stale: Bools  # holds what the row said before it was corrected or settled
    fault: Ints  # 0, or number of the fault
    status: Ints  # what a right loader makes of it: index into STATUSES
    loaded: Bools  # per table row: whether a good row of it came


def deliver(seed: int, table: Table, profile: Profile, first_delivery: int, turns: int) -> Delivered:
    """Spread the rows of a table over `turns` daily deliveries, the first of which holds the back history."""
    rng = stream(seed, f"deliver {table.name}")
    count, last = len(table), turns - 1
    born = np.clip(table.born - first_delivery, 0, last)
    settled = np.clip(table.settled - first_delivery, born, last)
    quiet = np.where(table.born < first_delivery, profile["history_factor"], 1.0)
    room = np.minimum(rng.integers(1, 4, count), last - settled)
    differs = np.full(count, bool(table.stale)) if table.stale_differs is None else table.stale_differs

    fault_kinds = faults_of(table.name)
    bad = (rng.random(count) < profile["rows_bad"]) & (settled == born)
    late = ~bad & (rng.random(count) < profile["rows_late"] * quiet) & (settled == born)
    born = np.where(late, born + room, born)
    settled = np.where(late, born, settled)
    changed = (settled > born) & differs & ~bad
    # A row that settles without a visible change comes once, when it is settled or at its birth.
    settled = np.where(changed, settled, born)
    room = np.minimum(rng.integers(1, 4, count), last - settled)
    corrected = ~bad & ~changed & differs & (room > 0) & (rng.random(count) < profile["rows_corrected"] * quiet)
    final = np.where(corrected, settled + room, settled)
    repeated = ~bad & (rng.random(count) < profile["rows_repeated"] * quiet)
    again = np.minimum(final + rng.integers(0, 4, count), last)
    mended = bad & (room > 0) & (rng.random(count) < profile["rows_bad_mended"])

    all_rows = np.arange(count)
    has_old = changed | corrected
    fault = np.where(bad, 1 + pick(rng, np.array([f.weight for f in fault_kinds]), count), 0)
    groups: list[tuple[Ints, Ints, bool, int]] = [
        (all_rows[has_old], born[has_old], True, SUPERSEDED),
        (all_rows[~bad], final[~bad], False, LOADED),
        (all_rows[repeated], again[repeated], False, REPEATED),
        (all_rows[bad], born[bad], False, QUARANTINED),
        (all_rows[mended], (born + room)[mended], False, LOADED),
    ]
    row = np.concatenate([g[0] for g in groups])
    turn = np.concatenate([g[1] for g in groups])
    stale = np.concatenate([np.full(len(g[0]), g[2]) for g in groups])
    status = np.concatenate([np.full(len(g[0]), g[3]) for g in groups])
    written_fault = np.where(status == QUARANTINED, fault[row], 0)
    part = np.zeros(count, np.int64) if table.part is None else table.part
    order = np.lexsort((status, row, part[row], turn))
    return Delivered(row[order], turn[order], stale[order], written_fault[order], status[order], ~bad | mended)
