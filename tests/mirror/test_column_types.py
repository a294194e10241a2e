import pytest

from orchestration.errors import UserError
from orchestration.mirror.column_types import postgres_type


@pytest.mark.parametrize(
    ("duckdb_type", "in_postgres"),
    [
        ("VARCHAR", "text"),
        ("DECIMAL(18,4)", "numeric(18,4)"),
        ("TIMESTAMP", "timestamp"),
        ("TIMESTAMP WITH TIME ZONE", "timestamptz"),
        ("UBIGINT", "numeric(20,0)"),
        ("HUGEINT", "numeric(39,0)"),
        ("ENUM('a', 'b')", "text"),
        ("VARCHAR[]", "text[]"),
        ("DECIMAL(9,2)[3]", "numeric(9,2)[]"),
        ("INTEGER[][]", "jsonb"),
        ("MAP(VARCHAR, VARCHAR)", "jsonb"),
        ("STRUCT(a INTEGER, b VARCHAR[])", "jsonb"),
        ("STRUCT(a INTEGER)[]", "jsonb"),
    ],
)
def test_a_type_keeps_its_meaning_in_postgres(duckdb_type: str, in_postgres: str) -> None:
    assert postgres_type(duckdb_type) == in_postgres


def test_a_type_without_a_counterpart_is_refused_and_not_turned_into_text() -> None:
    with pytest.raises(UserError, match="no type for a column of type BIT"):
        postgres_type("BIT")
