"""A dataset as columns of arrays, before it is cut into deliveries.

What belongs here: the shape that the world hands to the deliveries. What does not: how values are drawn
or written.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seeds.generator.vocabulary import Bools, Ints

Kind = Literal["text", "money", "integer", "minutes", "seconds", "day"]


@dataclass(frozen=True)
class Column:
    """One column: text as words and codes (-1: missing), all else as integers and a mask of what is missing.

    `money` is in fen (1/100 CNY), `minutes` and `seconds` since 1970 in local time, `day` days since 1970.
    """

    kind: Kind
    values: Ints
    missing: Bools | None = None
    words: pa.Array | None = None
    prefix: str = ""
    width: int = 0

    def take(self, rows: Ints) -> pa.Array:
        """The values of some rows as an Arrow array of strings or 64-bit integers."""
        picked = pa.array(self.values[rows], mask=None if self.missing is None else self.missing[rows])
        if self.width:
            digits = pc.utf8_lpad(picked.cast(pa.string()), self.width, "0")
            return pc.binary_join_element_wise(self.prefix, digits, "")
        return picked if self.words is None else self.words.take(picked)

    def present(self) -> Bools:
        """Which rows hold a value."""
        here = np.ones(len(self.values), bool) if self.missing is None else ~self.missing
        if self.words is not None and self.words.null_count:
            valid = self.words.is_valid().to_numpy(zero_copy_only=False)
            here = here & valid[np.maximum(self.values, 0)]
        return here


def coded(words: pa.Array | list[str], codes: Ints) -> Column:
    """Text by code into a word list; a negative code is missing."""
    return Column("text", codes, codes < 0, words if isinstance(words, pa.Array) else pa.array(words, pa.string()))


def text(values: pa.Array) -> Column:
    """Text as it is."""
    return Column("text", np.arange(len(values)), None, values)


def number(kind: Kind, values: Ints, missing: Bools | None = None) -> Column:
    """Integers of a kind."""
    return Column(kind, values.astype(np.int64), missing)


def identifiers(prefix: str, numbers: Ints, width: int) -> Column:
    """Identifiers such as `M0000012`; a negative number is missing."""
    return Column("text", numbers, numbers < 0, None, prefix, width)


@dataclass
class Table:
    """One dataset: its columns and, per row, when it first comes and when it is final (days since 1970)."""

    name: str
    columns: dict[str, Column]
    born: Ints
    settled: Ints
    person: Ints
    # What an earlier version of a row held, by column; and the rows where that differs from the final version.
    stale: dict[str, Column] = field(default_factory=dict)
    stale_differs: Bools | None = None
    # Which file of a delivery holds the row; labels name the files.
    part: Ints | None = None
    part_labels: tuple[str, ...] = ("",)
    amount: str | None = None

    def __len__(self) -> int:
        return len(self.born)

    def identified(self) -> Bools:
        """Which rows name someone by a member, account, case or number of their own; a bare name names nobody."""
        named = np.zeros(len(self), bool)
        names = {"member_id", "account_id"} | ({"case_id"} if self.name == "call_center_surveys" else set())
        for name, column in self.columns.items():
            if name.endswith("phone") or name in names:
                named |= column.present()
        return named
