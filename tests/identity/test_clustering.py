"""Joining along links without ever joining what contradicts."""

from hypothesis import given
from hypothesis import strategies as st

from orchestration.identity.clustering import constrained_clusters

PAIRS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda p: p[0] != p[1]), max_size=30)


def both_ways(pairs: list[tuple[int, int]]) -> dict[int, set[int]]:
    conflicts: dict[int, set[int]] = {}
    for left, right in pairs:
        conflicts.setdefault(left, set()).add(right)
        conflicts.setdefault(right, set()).add(left)
    return conflicts


@given(edges=PAIRS, conflicting=PAIRS, largest=st.integers(2, 13))
def test_no_cluster_holds_a_contradiction_or_is_too_large(
    edges: list[tuple[int, int]], conflicting: list[tuple[int, int]], largest: int
) -> None:
    cluster_of, refused = constrained_clusters(edges, both_ways(conflicting), largest)
    assert set(cluster_of) == {r for e in edges for r in e}
    assert all(cluster_of.get(a, -1) != cluster_of.get(b, -2) for a, b in conflicting)
    sizes = [list(cluster_of.values()).count(c) for c in set(cluster_of.values())]
    assert all(size <= largest for size in sizes)
    assert all(c == min(r for r in cluster_of if cluster_of[r] == c) for c in cluster_of.values())
    assert set(refused) <= set(edges)


@given(edges=PAIRS)
def test_without_contradictions_every_link_joins(edges: list[tuple[int, int]]) -> None:
    cluster_of, refused = constrained_clusters(edges, {}, 13)
    assert refused == []
    assert all(cluster_of[a] == cluster_of[b] for a, b in edges)


def test_the_surer_link_wins() -> None:
    cluster_of, refused = constrained_clusters([(1, 2), (2, 3)], {1: {3}, 3: {1}}, 10)
    assert cluster_of == {1: 1, 2: 1, 3: 3}
    assert refused == [(2, 3)]
