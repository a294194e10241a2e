# /// script
# requires-python = ">=3.11"
# dependencies = ["pyarrow>=20"]
# ///
"""A plain rule join: records with the same phone, email or ID card are one person."""

from collections import defaultdict

from common import clusters_of, run


def resolve(table):
    """Join on equal phones, emails and ID cards."""
    rows = table.to_pylist()
    pairs = []
    for field in ("phone", "email", "id_card"):
        groups = defaultdict(list)
        for row in rows:
            if row[field]:
                groups[row[field].lower()].append(row["id"])
        for ids in groups.values():
            pairs += [(ids[0], other) for other in ids[1:]]
    return clusters_of(pairs, [row["id"] for row in rows])


run(resolve)
