"""Expectations of our own, in Great Expectations' terms.

What belongs here: classes that Great Expectations runs. Importing this module imports Great Expectations, which takes
seconds: import it where a suite runs, nowhere else.
"""

from typing import Any

from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation

UNEXPECTED_TOTAL = "_unexpected_total"


class RowsThatBreakTheRule(UnexpectedRowsExpectation):
    """Passes when the SQL returns no row.

    Great Expectations' own class runs the query a second time to count its rows, and has every one of them fetched.
    Our SQL returns a handful, each with the whole number in `_unexpected_total`.
    """

    metric_dependencies = ("unexpected_rows_query.table",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: object = None,
    ) -> dict[str, Any]:
        rows = [dict(row) for row in metrics["unexpected_rows_query.table"]]
        total = rows[0][UNEXPECTED_TOTAL] if rows else 0
        examples = [{k: v for k, v in row.items() if k != UNEXPECTED_TOTAL} for row in rows]
        return {
            "success": not rows,
            "result": {"observed_value": total, "unexpected_count": total, "partial_unexpected_index_list": examples},
        }
