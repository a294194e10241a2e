import dagster as dg
import duckdb
import pytest

from data_quality.contract import load_contracts
from orchestration.cleaning.assets import assets
from orchestration.resources import Warehouse
from orchestration.settings import Settings


def test_every_clean_table_is_an_asset_with_its_grain() -> None:
    specs = {spec.key.to_user_string(): spec for definition in assets for spec in definition.specs}
    for table, contract in load_contracts().items():
        spec = specs[f"clean/{table}"]
        assert (spec.description or "").endswith(f"Grain: {contract.grain}.")
        assert {dep.asset_key.to_user_string() for dep in spec.deps} == {
            f"raw/{table}",
            "raw/files",
            "policy/null_tokens",
        }
    others = {"names", "phones", "emails", "addresses", "changes"}
    assert {key for key in specs if key.startswith("clean/")} == {f"clean/{t}" for t in others | set(load_contracts())}
    assert {key for key in specs if key.startswith("quality/")} == {
        "quality/deliveries",
        "quality/delivery_files",
        "quality/quarantine",
        "quality/doubtful_values",
        "quality/drift",
        "quality/scorecard",
    }
    assert all(spec.owners == ["team:data-engineering"] for spec in specs.values())
    assert all(spec.group_name == spec.key.path[0] for spec in specs.values())


def test_the_group_materialises_over_an_empty_warehouse(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_LANDING", str(settings.landing))
    monkeypatch.setenv("C360_WAREHOUSE", str(settings.warehouse))
    result = dg.materialize(assets, resources={"warehouse": Warehouse()})
    assert result.success
    (event,) = result.asset_materializations_for_node("quality__quarantine")
    assert event.metadata["dagster/row_count"].value == 0
    with duckdb.connect(str(settings.database), read_only=True) as con:
        assert con.execute("select count(*) from clean.pos_sales").fetchone() == (0,)
