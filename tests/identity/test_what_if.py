"""What another policy or model would change is told before anything is changed."""

import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any

import pytest

from orchestration.database import connect
from orchestration.errors import UserError
from orchestration.identity.policy import load_policy
from orchestration.identity.scoring import default_model, save_model
from orchestration.identity.what_if import compare_with_present
from orchestration.settings import Settings


@pytest.fixture
def stored(world: Any) -> Any:
    """A resolved world kept in a warehouse file, as a refresh leaves it."""
    world.member("M1", "张伟", "13912340001")
    world.account("A1", "张伟", "13912340001")
    world.member("M2", "王芳", "13912340002")
    world.add("pos_sales", ticket_id="T1", member_id="M1", amount=100)
    world.add("pos_sales", ticket_id="T2", member_id="M2", amount=70)
    world.add("ecommerce_orders", order_id="O1", account_id="A1", amount=40)
    world.add("ecommerce_orders", order_id="O2", account_id="A1", amount=999, status="refunded")
    world.store()
    return world


def blocked(settings: Settings, folder: Path) -> Path:
    """A policy folder in which one number says nothing."""
    folder.mkdir()
    file = folder / "blocked_identifiers.csv"
    shutil.copy(settings.policy_dir / file.name, file)
    with file.open("a", encoding="utf-8") as handle:
        handle.write("phone,+8613912340001,yes,2001-01-01,test\n")
    return folder


def test_a_changed_policy_is_measured_in_pairs_customers_ids_and_revenue(stored: Any, tmp_path: Path) -> None:
    found = compare_with_present(stored.settings, policy=blocked(stored.settings, tmp_path / "policy"))
    assert (found.pairs, found.pairs_gained, found.pairs_lost) == ((1, 0), 0, 1)
    assert (found.customers, found.customers_unchanged) == ((2, 3), 1)
    assert (found.customers_merged, found.customers_split) == (0, 1)
    assert (found.ids_gone, found.ids_new) == (0, 1)
    assert found.revenue == Decimal(210)
    assert found.revenue_moved in (Decimal(40), Decimal(100))
    assert found.rows()[0] == ("linked pairs", "1", "0", "0 gained, 1 lost")


def test_a_changed_model_is_measured_step_by_step(stored: Any, tmp_path: Path) -> None:
    born = {"birthday": "1990-02-03", "city": "成都市"}
    stored.member("M3", "李晓明", "13912340003", **born)
    stored.account("A3", "李晓明", "13912340004", **born)
    stored.add("ecommerce_orders", order_id="O3", account_id="A3", amount=25)
    stored.store()
    doubtful = replace(default_model(load_policy(stored.settings.policy_dir, date(2026, 6, 1))), priors=((inf, 1e-14),))
    save_model(replace(doubtful, provenance={"records": 5}), tmp_path / "doubtful.json")
    told: list[str] = []
    model = tmp_path / "doubtful.json"
    found = compare_with_present(stored.settings, model=model, progress=lambda step, _share: told.append(step))
    assert (found.pairs, found.pairs_gained, found.pairs_lost) == ((2, 1), 0, 1)
    assert (found.clusters, found.customers, found.customers_split) == ((2, 1), (3, 4), 1)
    assert found.revenue_moved in (Decimal(0), Decimal(25))
    assert [step.split()[0] for step in told] == ["gathering", "comparing", "giving", "comparing"]


def test_nothing_is_changed_by_asking(stored: Any, tmp_path: Path) -> None:
    folder = stored.settings.warehouse
    before = {f: f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}
    compare_with_present(stored.settings, policy=blocked(stored.settings, tmp_path / "policy"))
    assert {f: f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()} == before


def test_the_present_policy_changes_nothing(stored: Any) -> None:
    found = compare_with_present(stored.settings, policy=stored.settings.policy_dir)
    assert (found.pairs_gained, found.pairs_lost, found.ids_gone, found.ids_new) == (0, 0, 0, 0)
    assert (found.revenue_moved, found.held) == (Decimal(0), False)


def test_what_cannot_be_compared_is_named(stored: Any, tmp_path: Path) -> None:
    settings = stored.settings
    with pytest.raises(UserError, match="Nothing to compare"):
        compare_with_present(settings)
    with pytest.raises(UserError, match="is no folder with policy files"):
        compare_with_present(settings, policy=tmp_path / "nowhere")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "identity_limit.csv").write_text("x\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"identity_limit\.csv in .* is no policy file"):
        compare_with_present(settings, policy=tmp_path / "odd")
    (tmp_path / "model.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"model\.json cannot be read"):
        compare_with_present(settings, model=tmp_path / "model.json")


def test_an_empty_warehouse_says_what_to_do(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path / "warehouse", as_of=date(2026, 6, 1))
    with connect(settings):
        pass
    with pytest.raises(UserError, match="Nothing was resolved yet"):
        compare_with_present(settings, policy=settings.policy_dir)
