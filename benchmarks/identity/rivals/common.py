"""What every rival needs: its input, its answer, and what it cost. Standard library and pyarrow only."""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow.parquet as pq


def clusters_of(pairs: Iterable[tuple[str, str]], records: Iterable[str]) -> dict[str, str]:
    """Connected components: each record and the smallest record it is joined with."""
    root = {r: r for r in records}

    def find(x: str) -> str:
        while root[x] != x:
            root[x] = root[root[x]]
            x = root[x]
        return x

    for left, right in pairs:
        a, b = sorted((find(left), find(right)))
        root[b] = a
    return {r: find(r) for r in root}


def run(resolve: Callable[[Any], dict[str, str]]) -> None:
    """Read the Parquet file named first, write clusters and cost as JSON to the file named second."""
    table = pq.read_table(sys.argv[1])
    started = time.perf_counter()
    clusters = resolve(table)
    cost = {
        "clusters": clusters,
        "seconds": round(time.perf_counter() - started, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    with open(sys.argv[2], "w", encoding="utf-8") as handle:  # noqa: PTH123 - stands alone
        json.dump(cost, handle)
