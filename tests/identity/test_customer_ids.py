"""Customer ids stay: over reruns, orders of arrival, merges, splits and rebuilds."""

import shutil
from pathlib import Path
from typing import Any

import pytest


def people(world: Any, *, reverse: bool = False) -> None:
    rows = [("M1", "张伟", "13912340001"), ("M2", "王芳", "13912340002"), ("M3", "李娜", None)]
    for member_id, name, phone in reversed(rows) if reverse else rows:
        world.member(member_id, name, phone)
    world.account("A1", "张伟", "13912340001")
    world.case("K1", "王女士", "13912340002")


def ids(world: Any) -> dict[tuple[str, str], str | None]:
    return {(s, k): c for s, k, c in world.rows("select source, record_key, customer_id from identity.customer_xref")}


def forget(world: Any) -> None:
    """Make the working database anew, as a rebuild does."""
    for table in ("customer_xref", "id_history", "links", "records"):
        world.connection.execute(f"drop table identity.{table}")


def test_a_rerun_changes_nothing(world: Any) -> None:
    people(world)
    world.resolve()
    tables = ("customer_xref", "customers", "links", "id_history", "review_queue")
    before = {t: world.rows(f"from identity.{t}") for t in tables}
    assert world.resolve()["customer_xref"]["id_changes"] == 0
    assert {t: world.rows(f"from identity.{t}") for t in tables} == before


def test_the_order_of_rows_does_not_matter(tmp_path: Path, new_world: Any) -> None:
    first, second = new_world(tmp_path / "first"), new_world(tmp_path / "second")
    people(first)
    people(second, reverse=True)
    first.resolve()
    second.resolve()
    assert ids(first) == ids(second)


def test_deliveries_one_by_one_and_all_at_once_give_the_same_ids(tmp_path: Path, new_world: Any) -> None:
    daily, at_once = new_world(tmp_path / "daily"), new_world(tmp_path / "at_once")
    for world in (daily, at_once):
        world.member("M2", "张伟", None, delivered="2026-05-01")
        world.account("A1", "张伟", "13912340001", delivered="2026-05-01")
    daily.resolve()
    for world in (daily, at_once):
        world.member("M1", "张伟", "13912340001", registered_at="2011-01-01", delivered="2026-05-02")
        world.case("K1", "张先生", None, member_id="M2", account_id="A1", delivered="2026-05-03")
    daily.resolve()
    at_once.resolve()
    assert ids(daily) == ids(at_once)


def test_ids_outlive_the_working_database(world: Any) -> None:
    people(world)
    world.resolve()
    before = ids(world)
    forget(world)
    world.resolve()
    assert ids(world) == before


def test_ids_are_the_same_when_everything_is_made_anew_from_raw(world: Any) -> None:
    people(world)
    world.resolve()
    before = ids(world)
    forget(world)
    shutil.rmtree(world.settings.warehouse / "identity")
    world.resolve()
    assert ids(world) == before


def test_a_merge_keeps_the_older_id_and_is_written_down(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", delivered="2026-05-01")
    world.account("A1", "张伟", None, delivered="2026-05-02")
    world.resolve()
    older, younger = world.customer("pos.members", "M1"), world.customer("ecommerce.customers", "A1")
    assert older != younger
    world.case("K1", member_id="M1", account_id="A1", delivered="2026-05-03")
    world.resolve()
    assert world.customer("pos.members", "M1") == world.customer("ecommerce.customers", "A1") == older
    assert world.rows("select old_customer_id, new_customer_id, change from identity.id_history") == [
        (younger, older, "merge")
    ]
    world.resolve()
    assert len(world.rows("from identity.id_history")) == 1


def test_a_split_keeps_the_id_with_the_larger_part_and_is_written_down(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", delivered="2026-05-01")
    world.account("A1", "张伟", "13912340001", delivered="2026-05-02")
    world.account("A2", "张伟", "13912340001", delivered="2026-05-02")
    world.resolve()
    old = world.customer("pos.members", "M1")
    world.connection.execute("update clean.pos_members set name = '刘洋', phone = '13912340009'")
    world.resolve()
    assert world.customer("ecommerce.customers", "A1") == world.customer("ecommerce.customers", "A2") == old
    new = world.customer("pos.members", "M1")
    assert new != old
    assert world.rows("select old_customer_id, new_customer_id, change from identity.id_history") == [
        (old, new, "split")
    ]


def test_a_record_keeps_the_day_since_which_it_belongs_to_its_customer(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", delivered="2026-05-01")
    world.account("A1", "张伟", None, delivered="2026-05-02")
    world.resolve()
    world.case("K1", member_id="M1", account_id="A1", delivered="2026-05-03")
    world.resolve()
    since = dict(world.rows("select record_key, since::varchar from identity.customer_xref"))
    assert since == {"M1": "2026-05-01", "A1": "2026-06-01", "K1": "2026-05-03"}


def test_an_id_merged_away_still_finds_its_customer(world: Any) -> None:
    from orchestration.identity.lookup import find_customers

    world.member("M1", "张伟", "13912340001", delivered="2026-05-01")
    world.account("A1", "张伟", None, delivered="2026-05-02")
    world.resolve()
    gone = world.customer("ecommerce.customers", "A1")
    world.case("K1", member_id="M1", account_id="A1", delivered="2026-05-03")
    world.resolve()
    assert find_customers(world.connection, gone) == [world.customer("pos.members", "M1")]


@pytest.mark.parametrize("again", [1, 2])
def test_a_customer_split_off_does_not_take_an_id_that_was_given_before(world: Any, again: int) -> None:
    world.member("M1", "张伟", "13912340001", delivered="2026-05-01")
    world.account("A1", "张伟", "13912340001", delivered="2026-05-02")
    world.account("A2", "张伟", "13912340001", delivered="2026-05-02")
    world.resolve()
    world.connection.execute("update clean.pos_members set name = '刘洋', phone = '13912340009'")
    for _ in range(again):
        world.resolve()
    assert len(set(ids(world).values())) == 2
