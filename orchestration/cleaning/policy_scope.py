"""What a policy row of cleaning is about: one source, dataset or column, or all where its cell is empty.

What belongs here: refusing a row about something that nobody delivers. What does not: what the row says of it
(`drift_policy.py`, `scorecard_policy.py`).
"""

from orchestration.errors import UserError


def check_scope(where: str, source: str, dataset: str, known: dict[str, set[str]], *, noun: str, column: str) -> None:
    """Refuse a row about a dataset or column that there is not.

    Args:
        where: The row, as the message begins.
        source: The source; empty means all.
        dataset: The dataset; empty means all.
        known: Columns by `source/dataset`.
        noun: What the policy calls a column.
        column: The column; empty means all.

    Raises:
        UserError: there is no such dataset, or none of them has the column.
    """
    fitting = [
        columns
        for name, columns in known.items()
        if all(said in ("", found) for said, found in zip((source, dataset), name.split("/"), strict=True))
    ]
    if not fitting:
        raise UserError(f"{where}: there is no dataset {source}/{dataset}; use {', '.join(known)}.")
    if column and not any(column in columns for columns in fitting):
        raise UserError(f"{where}: no such dataset has a {noun} {column!r}. Correct the name.")
