# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = ["recordlinkage==0.16", "pandas<3", "pyarrow>=20"]
# ///
"""recordlinkage as its documentation shows: blocks, string comparisons, its unsupervised ECM classifier."""

import recordlinkage
from common import clusters_of, run


def resolve(table):
    """Block, compare and classify."""
    people = table.to_pandas().set_index("id")
    filled = [c for c in ("phone", "email", "birthday", "city", "address") if people[c].notna().mean() > 0.05]
    people[["surname", "given_name", *filled]] = people[["surname", "given_name", *filled]].fillna("")
    indexer = recordlinkage.Index()
    indexer.block(["given_name", "surname"])
    for column in ("birthday", "phone", "email"):
        if column in filled:
            indexer.block(column)
    # An empty value is a block of its own to the toolkit; those pairs are taken out.
    pairs = indexer.index(people)
    compare = recordlinkage.Compare()
    compare.string("given_name", "given_name", method="jarowinkler", threshold=0.85)
    compare.string("surname", "surname", method="jarowinkler", threshold=0.85)
    for column in filled:
        if column == "address":
            compare.string(column, column, method="levenshtein", threshold=0.85)
        else:
            compare.exact(column, column)
    features = compare.compute(pairs, people)
    matches = recordlinkage.ECMClassifier(binarize=0.5).fit_predict(features)
    return clusters_of(list(matches), list(people.index))


run(resolve)
