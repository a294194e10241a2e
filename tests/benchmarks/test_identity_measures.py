"""The measures of the identity benchmark on clusters small enough to count by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.identity.measures import quality


def test_perfect_clusters_score_one_everywhere() -> None:
    assert set(quality([("a", 1), ("a", 1), ("b", 2)]).rounded().values()) == {1.0}


def test_pairs_and_records_are_counted_as_by_hand() -> None:
    # Persons a a a b; clusters 1 1 2 2: one right pair of two found, of three true ones.
    found = quality([("a", 1), ("a", 1), ("a", 2), ("b", 2)])
    assert found.precision == pytest.approx(1 / 2)
    assert found.recall == pytest.approx(1 / 3)
    assert found.f1 == pytest.approx(0.4)
    assert found.b3_precision == pytest.approx((1 + 1 + 1 / 2 + 1 / 2) / 4)
    assert found.b3_recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)


def test_records_left_alone_cost_recall_and_no_precision() -> None:
    alone = quality([("a", 1), ("a", 2)])
    assert (alone.precision, alone.recall, alone.f1) == (1.0, 0.0, 0.0)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30))
def test_every_measure_is_a_share(assigned: list[tuple[int, int]]) -> None:
    assert all(0 <= value <= 1 for value in quality(assigned).rounded().values())
