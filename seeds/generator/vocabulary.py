"""Word lists, rates and plans of the generator, read from `data/*.csv`.

What belongs here: reading and typing those files, and the seeded random streams. What does not: any
number or word of its own.
"""

import csv
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from orchestration.errors import UserError

DATA_DIR = Path(__file__).resolve().parent / "data"

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def stream(seed: int, name: str) -> np.random.Generator:
    """A random stream of its own per step, so that a change in one step leaves the others as they were."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def pick(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Draw `size` indices with the given weights (need not sum to 1)."""
    bounds = np.cumsum(weights)
    drawn: Ints = np.searchsorted(bounds, rng.random(size) * bounds[-1], side="right").astype(np.int64)
    return np.minimum(drawn, len(weights) - 1)


@cache
def read_rows(name: str) -> tuple[dict[str, str], ...]:
    """The rows of `data/<name>.csv` as text."""
    with (DATA_DIR / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@dataclass(frozen=True)
class Words:
    """A weighted word list; `columns` are the further columns of the file, row by row."""

    weights: Floats
    columns: dict[str, pa.Array]

    def __len__(self) -> int:
        return len(self.weights)

    def column(self, name: str) -> pa.Array:
        """One column as an Arrow string array, to be taken from by index."""
        return self.columns[name]

    def texts(self, name: str) -> list[str]:
        """One column as a list of strings."""
        return [str(v) for v in self.columns[name].to_pylist()]


def words(name: str, **where: str) -> Words:
    """Read a word list, keeping the rows whose columns equal `where`; a missing weight is 1."""
    rows = [r for r in read_rows(name) if all(r[c] == v for c, v in where.items())]
    weights = np.array([float(r.get("weight") or 1) for r in rows])
    return Words(weights, {c: pa.array([r[c] for r in rows], pa.string()) for c in rows[0]})


@dataclass(frozen=True)
class Profile:
    """Rates of planted faults, by setting name."""

    name: str
    language: str
    rates: dict[str, float]

    def __getitem__(self, setting: str) -> float:
        return self.rates[setting]

    @property
    def latin(self) -> bool:
        """Western names, addresses and US numbers instead of Chinese ones."""
        return self.language == "latin"


def profile_names() -> list[str]:
    """The noise profiles that exist."""
    return [c for c in read_rows("profiles")[0] if c not in {"setting", "why"}]


def load_profile(name: str) -> Profile:
    """Read one noise profile.

    Raises:
        UserError: there is no such profile.
    """
    if name not in profile_names():
        raise UserError(f"There is no noise profile {name!r}. Choose one of: {', '.join(profile_names())}.")
    values = {r["setting"]: r[name] for r in read_rows("profiles")}
    language = values.pop("language")
    return Profile(name, language, {k: float(v) for k, v in values.items()})


@cache
def behaviour() -> dict[str, float]:
    """Numbers of how people buy, call and click, by setting name."""
    return {r["setting"]: float(r["value"]) for r in read_rows("behaviour")}
