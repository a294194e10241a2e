"""How clusters hang together: bridges, weak ones cut, and density.

What belongs here: figures of clusters as graphs, and parting those that hang by one doubtful link. What does
not: whether two records contradict each other (`comparison.py`), and joining (`clustering.py`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from orchestration.identity.policy import IdentityPolicy

Pair = tuple[int, int]


@dataclass(frozen=True)
class Shape:
    """Figures over the clusters of three and more compared records; `density` is the share of pairs that are linked."""

    clusters: int
    largest: int
    sparse: int
    lowest_density: float
    mean_density: float


def weak_bridges(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> tuple[list[Pair], list[Pair]]:
    """Find links that alone hold a cluster together and are less sure than policy wants; decided ones are sure.

    Reads temporary tables `accepted`, `must_links` and `clusters`. Looks only at clusters large enough for two
    sides of `min_bridge_side` records. Returns the bridges to cut and those to keep, whose smaller side is
    smaller than that.
    """
    limits = {name: policy.limit(name) for name in ("min_bridge_probability", "min_bridge_side")}
    edges = connection.execute(
        """
        with sized as (
            select cluster from clusters group by cluster having count(*) >= 2 * $min_bridge_side
        ),
        inside as (
            select c.cluster, k.l, k.r, max(k.confidence) as confidence
            from (select l, r, confidence from accepted union all select l, r, 1.0 from must_links) as k
            inner join clusters as c on c.record_id = k.l
            inner join clusters as d on d.record_id = k.r
            where c.cluster = d.cluster and c.cluster in (select cluster from sized)
            group by all
        )
        select l, r, confidence < $min_bridge_probability as doubtful from inside
        qualify min(confidence) over (partition by cluster) < $min_bridge_probability
        order by l, r
        """,
        limits,
    ).fetchall()
    sides = bridges([(left, right) for left, right, _ in edges])
    weak = [(left, right) for left, right, doubtful in edges if doubtful and (left, right) in sides]
    cut = [pair for pair in weak if sides[pair] >= limits["min_bridge_side"]]
    return cut, [pair for pair in weak if sides[pair] < limits["min_bridge_side"]]


def bridges(edges: Sequence[Pair]) -> dict[Pair, int]:
    """Find the edges whose loss parts a component; give for each the size of its smaller side.

    `edges` are distinct pairs, the smaller record first. Without recursion, so that a long chain is no matter.
    """
    neighbours: dict[int, list[int]] = defaultdict(list)
    for left, right in edges:
        neighbours[left].append(right)
        neighbours[right].append(left)
    order: dict[int, int] = {}
    lowest: dict[int, int] = {}
    below: dict[int, int] = {}
    found: dict[Pair, int] = {}
    for start in neighbours:
        if start in order:
            continue
        hanging: list[tuple[Pair, int]] = []
        order[start] = lowest[start] = len(order)
        below[start] = 1
        stack = [(start, -1, iter(neighbours[start]))]
        while stack:
            here, parent, rest = stack[-1]
            there = next(rest, None)
            if there is None:
                stack.pop()
                if stack:
                    lowest[parent] = min(lowest[parent], lowest[here])
                    below[parent] += below[here]
                    if lowest[here] > order[parent]:
                        hanging.append(((min(here, parent), max(here, parent)), below[here]))
            elif there not in order:
                order[there] = lowest[there] = len(order)
                below[there] = 1
                stack.append((there, here, iter(neighbours[there])))
            elif there != parent:
                lowest[here] = min(lowest[here], order[there])
        found |= {edge: min(side, below[start] - side) for edge, side in hanging}
    return found


def measure(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> Shape:
    """Measure temporary tables `clusters` and `accepted` with `must_links`, before records without a name join."""
    row = connection.execute(
        """
        with links as (
            select c.cluster, count(distinct (a.l, a.r)) as links
            from (select l, r from accepted union all select l, r from must_links) as a
            inner join clusters as c on c.record_id = a.l
            group by c.cluster
        ),
        shaped as (
            select n.records, k.links / (n.records * (n.records - 1) / 2) as density
            from (select cluster, count(*) as records from clusters group by cluster having count(*) >= 3) as n
            inner join links as k using (cluster)
        )
        select
            count(*), coalesce(max(records), 0), count(*) filter (where density < $sparse_density),
            coalesce(min(density), 1.0), coalesce(avg(density), 1.0)
        from shaped
        """,
        {"sparse_density": policy.limit("sparse_density")},
    ).fetchone()
    clusters, largest, sparse, lowest, mean = row or (0, 0, 0, 1.0, 1.0)
    return Shape(clusters, largest, sparse, round(lowest, 4), round(mean, 4))
