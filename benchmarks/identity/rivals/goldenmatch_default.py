# /// script
# requires-python = ">=3.11"
# dependencies = ["goldenmatch==3.22.0", "polars>=1", "pyarrow>=20"]
# ///
"""GoldenMatch as it comes: `dedupe_df` without a configuration."""

import os

os.environ.setdefault("GOLDENMATCH_MEMORY_PATH", os.devnull)

import goldenmatch
import polars as pl
from common import clusters_of, run


def resolve(table):
    """Deduplicate without a configuration."""
    frame = pl.from_arrow(table).drop("surname", "given_name")
    found = goldenmatch.dedupe_df(frame, confidence_required=False, allow_red_config=True, exclude_columns=["id"])
    ids = frame["id"].to_list()
    pairs = []
    for cluster in found.clusters.values():
        members = [ids[m] for m in cluster["members"]]
        pairs += [(members[0], other) for other in members[1:]]
    return clusters_of(pairs, ids)


run(resolve)
