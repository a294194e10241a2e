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
    filled = [
        c for c in ("phone", "email", "birthday", "city", "address", "id_card") if people[c].notna().mean() > 0.05
    ]
    pairs = None
    for keys in (["given_name", "surname"], ["birthday"], ["phone"], ["email"], ["id_card"]):
        if all(k in filled or k.endswith("name") for k in keys):
            # The toolkit takes what is missing for equal: records without the key stay out of its blocks.
            found = recordlinkage.index.Block(keys).index(people[people[keys].notna().all(axis=1)])
            pairs = found if pairs is None else pairs.union(found)
    people[["surname", "given_name", *filled]] = people[["surname", "given_name", *filled]].fillna("")
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
