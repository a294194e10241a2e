"""What the model itself expects of the links it led to, to be watched from run to run without known truth.

What belongs here: expected precision, recall and F1 of the scored pairs. What does not: measuring against known truth
(`benchmarks/identity`).
"""

import duckdb


def expected_quality(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Return `expected_precision`, `expected_recall` and `expected_f1` of the pairs that were scored, from 0 to 1.

    A pair with match probability p is expected to be p of a true pair: of pairs within a customer the sum of p is
    expected to be right and the rest wrong, and of pairs between customers the sum of p is expected to be missed
    (Fellegi and Sunter 1969; the expected F-measure of Jansche 2007, "A maximum expected utility framework for binary
    sequence labeling"). Only pairs at or above `review_probability` are known, so what no score found is not counted,
    nor what identifiers joined. Empty where nothing was scored.

    Reads `scored_pairs` and `identity.clusters`.
    """
    row = connection.execute(
        """
        with judged as (
            select s.match_probability as p, coalesce(left_one.cluster = right_one.cluster, false) as is_joined
            from scored_pairs as s
            inner join identity.clusters as left_one on s.l = left_one.record_id
            inner join identity.clusters as right_one on s.r = right_one.record_id
        )
        select
            coalesce(sum(p) filter (is_joined), 0), count(*) filter (is_joined), coalesce(sum(p), 0)
        from judged
        """
    ).fetchone()
    right, joined, true = row or (0.0, 0, 0.0)
    if not joined or not true:
        return {}
    return {
        "expected_precision": round(right / joined, 6),
        "expected_recall": round(right / true, 6),
        "expected_f1": round(2 * right / (joined + true), 6),
    }
