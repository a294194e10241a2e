"""How far found clusters are from the true ones: pairwise and B-cubed precision, recall and F1.

What belongs here: the measures. What does not: where the clusters come from.
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Quality:
    """Agreement of found with true clusters; every value is between 0 and 1."""

    precision: float
    recall: float
    f1: float
    b3_precision: float
    b3_recall: float
    b3_f1: float

    def rounded(self) -> dict[str, float]:
        """The values to four digits."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def quality(assigned: Iterable[tuple[Hashable, Hashable]]) -> Quality:
    """Measure clusters given as `(person, cluster)`, one element per record.

    Pairwise counts pairs of records: a pair is right when both name one person. B-cubed asks every record
    what share of its cluster is its own person, and what share of its person is in its cluster.
    """
    both = Counter(assigned)
    persons: Counter[Hashable] = Counter()
    clusters: Counter[Hashable] = Counter()
    for (person, cluster), n in both.items():
        persons[person] += n
        clusters[cluster] += n
    right, found, true = (_pairs(c.values()) for c in (both, clusters, persons))
    records = sum(both.values())
    precision = right / found if found else 1.0
    recall = right / true if true else 1.0
    b3_precision = sum(n * n / clusters[c] for (_, c), n in both.items()) / records if records else 1.0
    b3_recall = sum(n * n / persons[p] for (p, _), n in both.items()) / records if records else 1.0
    return Quality(precision, recall, _f1(precision, recall), b3_precision, b3_recall, _f1(b3_precision, b3_recall))


def _pairs(sizes: Iterable[int]) -> int:
    return sum(n * (n - 1) // 2 for n in sizes)


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
