"""The whole way on the sample extracts: twice the same, and then with a late delivery."""

import json
import shutil
from pathlib import Path

import pytest

EXTRACTS = Path(__file__).parents[2] / "seeds" / "extracts"
DAYS = sorted({folder.name for source in EXTRACTS.glob("*") if source.is_dir() for folder in source.glob("20*")})
LATE = DAYS[-1]

XREF = "select source, record_key, customer_id from identity.customer_xref order by all"


def copy_deliveries(target: Path, *, late: bool) -> None:
    for folder in EXTRACTS.glob("*/20*"):
        if late or folder.name != LATE:
            shutil.copytree(folder, target / folder.parent.name / folder.name, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, refresh):
    """Landing zone and warehouse after the first two deliveries."""
    root = tmp_path_factory.mktemp("sample")
    copy_deliveries(root / "landing", late=False)
    refresh(root / "landing", root / "warehouse")
    return root


def test_a_second_refresh_without_news_says_so_and_changes_nothing(sample, refresh):
    before = (sample / "warehouse" / "serving" / "current").resolve()
    done = refresh(sample / "landing", sample / "warehouse")
    assert "Nothing new" in done.stdout
    assert (sample / "warehouse" / "serving" / "current").resolve() == before


def test_one_customer_is_shown_with_profile_tags_and_timeline_and_nothing_unmasked(sample, c360, published):
    bi = published(sample / "warehouse")
    query = "select customer_id from marts.fct_sales join marts.fct_cases using (customer_id) order by all limit 1"
    ((customer,),) = bi.rows(query)
    shown = c360("customer", customer, "--json", "--warehouse", sample / "warehouse")
    assert shown.returncode == 0, shown.stderr
    (view,) = json.loads(shown.stdout)
    assert view["customer_id"] == customer
    assert set(view["profile"]["person"]) & {"name", "phone", "email", "birthday"} == set()
    assert view["profile"]["purchases"]["orders"] >= 1
    assert {tag["tag"] for tag in view["tags"]} == set(view["profile"]["profile"].get("tags", []))
    times = [moment["happened_at"] for moment in view["timeline"]]
    assert times == sorted(times, reverse=True)
    assert {"spend_tier", "lifecycle_stage"} <= {segment["scheme"] for segment in view["segments"]}


def test_what_a_night_could_know_rebuilt_elsewhere_is_what_it_published(sample, tmp_path, refresh, published):
    copy_deliveries(tmp_path / "landing", late=True)
    refresh(tmp_path / "landing", tmp_path / "warehouse", "--known-on", DAYS[-2])
    first, second = published(sample / "warehouse"), published(tmp_path / "warehouse")
    assert first.rows(XREF) == second.rows(XREF)
    tables = [
        t
        for (t,) in first.rows(
            "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
        )
    ]
    assert tables
    for table in tables:
        assert first.rows(f"select * from marts.{table} order by all") == second.rows(
            f"select * from marts.{table} order by all"
        )


def test_a_late_delivery_adds_its_rows_and_keeps_the_ids(sample, refresh, published):
    before = {(source, key): customer for source, key, customer in published(sample / "warehouse").rows(XREF)}
    copy_deliveries(sample / "landing", late=True)
    refresh(sample / "landing", sample / "warehouse")
    bi = published(sample / "warehouse")
    after = {(source, key): customer for source, key, customer in bi.rows(XREF)}
    merged = dict(bi.rows("select old_customer_id, new_customer_id from identity.id_history where change = 'merge'"))

    assert before.keys() <= after.keys()
    changed = {
        key: (before[key], after[key]) for key in before if before[key] != after[key] and before[key] is not None
    }
    assert all(merged.get(old) == new for old, new in changed.values())
    assert bi.one(f"select count(*) from quality.deliveries where delivery_date = date '{LATE}'") > 0
