from orchestration.data_dictionary import PAGE, REFRESH, DescribedTable, published_tables, render
from orchestration.publication.build import column_comments, described_tables
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.warehouse.runner import prepare_manifest


def test_the_dictionary_is_that_of_the_models() -> None:
    page = (PROJECT_ROOT / PAGE).read_text(encoding="utf-8")
    assert page == render(prepare_manifest(Settings())), f"A description changed: run `{REFRESH}` and commit {PAGE}."


def test_every_published_table_beside_the_marts_describes_its_columns() -> None:
    assert set(column_comments()) == set(described_tables())
    assert [name for name, columns in column_comments().items() if not all(columns.values())] == []


def test_a_mart_stands_in_the_dictionary_with_its_columns_in_order() -> None:
    columns = {"b": {"data_type": "date", "description": "First."}, "a": {"data_type": None, "description": "Then."}}
    mart = {"resource_type": "model", "schema": "marts", "alias": "m", "description": "One row.", "columns": columns}
    step = {**mart, "schema": "intermediate", "alias": "int_m"}
    tables = published_tables({"nodes": {"x": mart, "y": step}})
    assert tables[0] == DescribedTable("marts.m", "One row.", [("b", "date", "First."), ("a", "", "Then.")])
    assert "int_m" not in {table.name for table in tables}
