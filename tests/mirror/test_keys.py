import json
from pathlib import Path
from typing import Any

from orchestration.mirror.keys import Keys, declared_keys

MODEL = {"schema": "marts", "alias": "contact_plan", "resource_type": "model"}


def _test(name: str, *, column: str | None = None, columns: list[str] | None = None, **config: Any) -> dict[str, Any]:
    metadata = {"name": name, "kwargs": {"columns": columns} if columns else {}}
    return {"test_metadata": metadata, "attached_node": "m", "column_name": column, "config": config}


def _keys(tmp_path: Path, *tests: dict[str, Any]) -> dict[str, Keys]:
    file = tmp_path / "manifest.json"
    nodes = {"m": MODEL, **{f"t{number}": test for number, test in enumerate(tests)}}
    file.write_text(json.dumps({"nodes": nodes}), encoding="utf-8")
    return declared_keys(file)


def test_what_is_unique_and_never_empty_is_the_primary_key(tmp_path: Path) -> None:
    found = _keys(tmp_path, _test("unique", column="id"), _test("not_null", column="id"))
    assert found == {"marts.contact_plan": Keys(primary=("id",))}


def test_a_key_with_a_part_that_may_be_empty_is_unique_only(tmp_path: Path) -> None:
    both = _test("unique_combination", columns=["customer_id", "day"])
    assert _keys(tmp_path, both, _test("not_null", column="day")) == {
        "marts.contact_plan": Keys(unique=("customer_id", "day"))
    }


def test_a_test_of_some_rows_or_one_that_only_warns_declares_no_key(tmp_path: Path) -> None:
    assert _keys(tmp_path, _test("unique", column="a", where="b"), _test("unique", column="c", severity="warn")) == {}


def test_customers_are_looked_up_by_an_index_where_the_key_does_not_begin_with_them() -> None:
    assert Keys(primary=("sale_line_id",)).index(["sale_line_id", "customer_id"]) == ("customer_id",)
    assert Keys(primary=("customer_id", "scheme")).index(["customer_id", "scheme"]) == ()
    assert Keys(primary=("kpi",)).index(["kpi"]) == ()
