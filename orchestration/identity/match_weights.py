"""How much each level of agreement weighs, as SQL: log2 of its share of matches over that of strangers.

What belongs here: the arithmetic of Fellegi and Sunter over the levels of a pair, names weighed by how common they
are. What does not: levels (`comparison.py`), and the shares themselves (`scoring.Model`).
"""

from collections.abc import Sequence

COMPARED = ("name", "spelling", "birthday", "phone", "email", "address", "id_card", "unionid", "gender")
"""The comparisons that carry a weight."""

BY_SHARE = {
    ("name", "same"): "name_share",
    ("name", "same_sound"): "sound_share",
    ("name", "compatible"): "part_share",
    ("spelling", "same"): "sound_share",
}
"""Levels whose share of strangers is how common the name, or the part of it, is: a column of `name_shares`."""

Shares = dict[str, dict[str, float]]
"""Comparison to level to share."""


def level_weights(
    shares: Shares, chance: Shares, comparison: str, names: tuple[str, str] = ("ln", "rn")
) -> dict[str, str]:
    """Level to SQL of its weight, for every level of one comparison.

    Names that agree weigh by how common they are: one person or relatives share a name no less often than strangers do.

    Args:
        shares: Of matches, or of relatives.
        chance: Of strangers.
        comparison: One of `COMPARED`.
        names: Aliases of the two rows that hold the columns of `BY_SHARE`.
    """
    weights = {}
    for level, share in shares[comparison].items():
        u = f"{chance[comparison][level]!r}"
        column = BY_SHARE.get((comparison, level))
        if column:
            u = f"coalesce(greatest({names[0]}.{column}, {names[1]}.{column}), {u})"
            weights[level] = f"log2(greatest({share!r}, {u}) / {u})"
        else:
            weights[level] = f"log2({share!r} / {u})"
    return weights


def weight_sql(shares: Shares, chance: Shares, compared: Sequence[str] = COMPARED) -> str:
    """SQL for the sum of the weights of the levels in `e`, for the fields `compared`, with the name shares `ln, rn`."""
    terms = []
    for comparison in compared:
        cases = [f"when '{level}' then {sql}" for level, sql in level_weights(shares, chance, comparison).items()]
        terms.append(f"case e.{comparison} {' '.join(cases)} else 0 end")
    return " + ".join(terms)
