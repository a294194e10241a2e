"""Clusters that hang by one doubtful link are parted; figures say how clusters hang together."""

from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.identity.cluster_shape import bridges, measure, weak_bridges
from orchestration.identity.clustering import constrained_clusters
from orchestration.identity.policy import load_policy
from orchestration.identity.scoring import Scored
from orchestration.settings import Settings

PAIRS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda p: p[0] < p[1]), unique=True)


@given(edges=PAIRS)
def test_a_bridge_is_a_link_whose_loss_parts_its_cluster(edges: list[tuple[int, int]]) -> None:
    found = bridges(edges)
    for edge in edges:
        left, right = edge
        rest, _ = constrained_clusters([e for e in edges if e != edge], {}, 99)
        parted = rest.get(left, left) != rest.get(right, right)
        assert (edge in found) == parted
        if parted:
            sizes = [max(1, list(rest.values()).count(rest.get(r, r))) for r in edge]
            assert found[edge] == min(sizes)


def test_a_chain_of_any_length_is_no_matter() -> None:
    assert len(bridges([(i, i + 1) for i in range(50_000)])) == 50_000


@pytest.fixture
def links() -> Any:
    """Write accepted links with their probability over records 1 to 6."""
    connection = duckdb.connect(":memory:")
    policy = load_policy(Settings().policy_dir, Settings(as_of="2026-06-01").as_of)

    def write(*edges: tuple[int, int, float], decided: list[tuple[int, int]] | None = None) -> Any:
        connection.execute("create or replace temp table accepted (l integer, r integer, confidence double)")
        connection.execute("create or replace temp table must_links (l integer, r integer)")
        connection.executemany("insert into accepted values (?, ?, ?)", list(edges))
        for pair in decided or []:
            connection.execute("insert into must_links values (?, ?)", list(pair))
        clusters, _ = constrained_clusters([e[:2] for e in edges], {}, 99)
        connection.execute("create or replace temp table clusters (record_id integer, cluster integer)")
        connection.executemany("insert into clusters values (?, ?)", list(clusters.items()))
        return connection, policy

    return write


def test_two_groups_that_one_doubtful_link_holds_together_are_parted(links: Any) -> None:
    cut, kept = weak_bridges(*links((1, 2, 0.99), (2, 3, 0.955), (3, 4, 0.99)))
    assert (cut, kept) == ([(2, 3)], [])


@pytest.mark.parametrize(
    "edges",
    [
        [(1, 2, 0.99), (2, 3, 0.98), (3, 4, 0.99)],
        [(1, 2, 0.99), (2, 3, 0.955), (3, 4, 0.99), (1, 4, 0.955)],
    ],
    ids=["a sure link", "two doubtful links that confirm each other"],
)
def test_what_hangs_together_well_stays(links: Any, edges: list[tuple[int, int, float]]) -> None:
    assert weak_bridges(*links(*edges)) == ([], [])


def test_a_single_record_at_the_end_stays(links: Any) -> None:
    assert weak_bridges(*links((1, 2, 0.99), (2, 3, 0.99), (3, 4, 0.955))) == ([], [(3, 4)])


def test_a_link_that_a_person_confirmed_is_no_weak_bridge(links: Any) -> None:
    assert weak_bridges(*links((1, 2, 0.99), (2, 3, 0.955), (3, 4, 0.99), decided=[(2, 3)])) == ([], [])


def test_figures_tell_a_chain_from_a_clique(links: Any) -> None:
    chain = measure(*links((1, 2, 0.99), (2, 3, 0.99), (3, 4, 0.99)))
    assert (chain.clusters, chain.largest, chain.lowest_density) == (1, 4, 0.5)
    clique = measure(*links((1, 2, 0.99), (2, 3, 0.99), (1, 3, 0.99)))
    assert (clique.largest, clique.lowest_density, clique.sparse) == (3, 1.0, 0)


def test_a_weakly_bridged_cluster_is_split_and_its_bridge_goes_to_review(world: Any, monkeypatch: Any) -> None:
    world.member("M1", "张伟", "13912340001", birthday="1990-05-06", city="杭州市")
    world.account("A1", "张伟", "13912340001", birthday="1990-05-06", city="杭州市")
    world.member("M2", "张伟", "13912340002", birthday="1990-05-06", city="杭州市")
    world.account("A2", "张伟", "13912340002", birthday="1990-05-06", city="杭州市")

    def one_doubtful_link(connection: Any, *_: Any) -> Any:
        connection.execute(
            "create or replace temp table scored_pairs as select l.record_id::integer as l, r.record_id::integer as r, "
            "4.4::double as match_weight, 0.955::double as match_probability "
            "from subjects as l, subjects as r where l.phone = '+8613912340001' and r.phone = '+8613912340002' "
            "and l.source = 'pos.members' and r.source = 'pos.members'"
        )
        return Scored(1, 1, 0)

    monkeypatch.setattr("orchestration.identity.resolve.score_pairs", one_doubtful_link)
    report = world.resolve()["links"]
    assert world.customer("pos.members", "M1") != world.customer("pos.members", "M2")
    assert report["weak_bridges_cut"] == 1
    assert world.rows("select left_record_key, right_record_key, reason from identity.review_queue") == [
        ("M1", "M2", "weak_bridge")
    ]
