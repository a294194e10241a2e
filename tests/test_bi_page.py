"""What docs/bi.md and the dashboard beside it name is what is published."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from orchestration.data_dictionary import published_tables
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.warehouse.runner import prepare_manifest

PAGE = PROJECT_ROOT / "docs" / "bi.md"
SUPERSET = PROJECT_ROOT / "docs" / "bi" / "superset"
ADVERTISED = re.compile(r"\b(?:marts|identity|quality)\.[a-z_0-9]+")


@pytest.fixture(scope="module")
def columns() -> dict[str, set[str]]:
    """Columns by published table."""
    manifest = json.loads(prepare_manifest(Settings()).read_text(encoding="utf-8"))
    return {table.name: {name for name, _, _ in table.columns} for table in published_tables(manifest)}


def named_columns(value: Any) -> Iterator[str]:
    """Columns that the settings of a chart name: of axes, groups, filters, metrics and lists."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in ("column_name", "x_axis", "groupby", "all_columns", "subject") and part:
                found = part if isinstance(part, list) else [part]
                yield from (name for name in found if isinstance(name, str))
            elif key == "order_by_cols":
                yield from (json.loads(order)[0] for order in part)
            yield from named_columns(part)
    elif isinstance(value, list):
        for part in value:
            yield from named_columns(part)


def test_every_table_of_the_page_is_published(columns: dict[str, set[str]]) -> None:
    named = set(ADVERTISED.findall(PAGE.read_text(encoding="utf-8")))
    assert len(named) > 20
    assert named - set(columns) == set()


def test_every_column_of_the_superset_dashboard_is_published(columns: dict[str, set[str]]) -> None:
    tables = {}
    for file in (SUPERSET / "datasets" / "c360").glob("*.yaml"):
        dataset = yaml.safe_load(file.read_text(encoding="utf-8"))
        tables[dataset["uuid"]] = f"{dataset['schema']}.{dataset['table_name']}"
        listed = {column["column_name"] for column in dataset["columns"]}
        assert listed - columns[tables[dataset["uuid"]]] == set(), file.name
    charts = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in (SUPERSET / "charts").glob("*.yaml")]
    assert len(charts) == 6
    for chart in charts:
        named = set(named_columns(chart["params"]))
        assert named, chart["slice_name"]
        assert named - columns[tables[chart["dataset_uuid"]]] == set(), chart["slice_name"]


def test_the_superset_dashboard_shows_each_of_its_charts_and_opens_the_file_to_read() -> None:
    (file,) = (SUPERSET / "dashboards").glob("*.yaml")
    position = yaml.safe_load(file.read_text(encoding="utf-8"))["position"]
    shown = {part["meta"]["uuid"] for key, part in position.items() if key.startswith("CHART-")}
    charts = {
        yaml.safe_load(chart.read_text(encoding="utf-8"))["uuid"] for chart in (SUPERSET / "charts").glob("*.yaml")
    }
    assert shown == charts
    database = yaml.safe_load((SUPERSET / "databases" / "c360.yaml").read_text(encoding="utf-8"))
    assert database["extra"]["engine_params"]["connect_args"] == {"read_only": True}
    assert (database["allow_dml"], database["allow_file_upload"]) == (False, False)
