"""Customer ids stay: over reruns, orders of arrival, merges, splits and rebuilds."""

import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.identity import customer_ids
from orchestration.identity.customer_ids import accept_changes
from orchestration.identity.lookup import current_id


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
    for table in ("customer_xref", "id_history", "links", "records", "id_moves", "id_redirects"):
        world.connection.execute(f"drop table identity.{table}")


def test_a_rerun_changes_nothing(world: Any) -> None:
    people(world)
    world.resolve()
    tables = ("customer_xref", "customers", "links", "id_history", "review_queue")
    before = {t: world.rows(f"from identity.{t}") for t in tables}
    assert world.resolve()["customer_xref"]["id_changes"] == 0
    assert {t: world.rows(f"from identity.{t}") for t in tables} == before


def test_an_id_can_be_read_out_and_kept_within_a_value(world: Any) -> None:
    people(world)
    world.resolve()
    assert all(re.fullmatch("C[0-9A-HJKMNP-TV-Z]{11}", str(customer)) for customer in ids(world).values())


def test_customers_whose_records_make_the_same_id_get_different_ones(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_ids, "_ID_DIGITS", 1)
    given = "赵钱孙李周吴郑王"
    for number, surname in enumerate(given):
        world.member(f"M{number}", f"{surname}小明", f"1391234000{number}")
    world.resolve()
    made = customer_ids._made_id("'pos.members|M' || n")
    assert world.rows(f"select count(distinct {made}) < count(*) from range({len(given)}) as t (n)") == [(True,)]
    before = ids(world)
    assert len(set(before.values()) - {None}) == len(before) == len(given)
    world.resolve()
    assert ids(world) == before
    forget(world)
    shutil.rmtree(world.settings.warehouse / "identity")
    world.resolve()
    assert ids(world) == before


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


def redirects(world: Any) -> dict[str, str | None]:
    return dict(world.rows("select old_customer_id, customer_id from identity.id_redirects"))


def test_the_history_names_the_evidence_that_joined(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", delivered="2026-05-01")
    world.account("A1", "张伟", None, delivered="2026-05-02")
    world.resolve()
    world.case("K1", member_id="M1", account_id="A1", delivered="2026-05-03")
    world.resolve()
    assert world.rows("select changed_on::varchar, reason from identity.id_history") == [
        ("2026-06-01", "linked by names_both; the older id stays")
    ]


def test_every_id_ever_given_leads_to_the_customer_of_today_over_many_merges(world: Any) -> None:
    for number in range(1, 5):
        world.account(f"A{number}", None, f"1391234000{number}", delivered=f"2026-05-0{number}")
    world.resolve()
    given = [world.customer("ecommerce.customers", f"A{n}") for n in range(1, 5)]
    for number in (3, 2, 1):
        world.connection.execute(
            "update clean.ecommerce_customers set unionid = 'wx' where account_id in (?, 'A4')", [f"A{number}"]
        )
        world.resolve()
    assert redirects(world) == dict.fromkeys(given[1:], given[0])
    assert [current_id(world.connection, i.lower()) for i in given if i] == [given[0]] * 4
    with pytest.raises(UserError, match="No customer has or had the id C0"):
        current_id(world.connection, "C0")


def test_an_id_of_which_nothing_is_left_leads_nowhere_and_says_so(world: Any) -> None:
    people(world)
    world.resolve()
    gone = world.customer("pos.members", "M3")
    world.connection.execute("delete from clean.pos_members where member_id = 'M3'")
    world.resolve()
    assert redirects(world) == {gone: None}
    assert current_id(world.connection, gone) is None
    assert world.rows("select ids_retired from identity.id_stability") == [(1,)]


def test_an_id_merged_away_comes_back_with_its_records(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", delivered="2026-05-01")
    world.account("A1", "张伟", None, delivered="2026-05-02")
    world.resolve()
    before = ids(world)
    world.case("K1", member_id="M1", account_id="A1", delivered="2026-05-03")
    world.resolve()
    world.connection.execute("delete from clean.call_center_cases")
    world.resolve()
    assert ids(world) == before
    assert redirects(world) == {}
    assert [c for (c,) in world.rows("select change from identity.id_history")] == ["merge", "split"]


def test_ids_survive_files_that_come_in_any_order(tmp_path: Path, new_world: Any) -> None:
    late, early = new_world(tmp_path / "late"), new_world(tmp_path / "early")
    deliveries: list[tuple[str, str]] = [("A1", "2026-05-01"), ("A2", "2026-05-02"), ("A3", "2026-05-03")]
    for world, order in ((late, deliveries), (early, deliveries[::-1])):
        seen: dict[str, str | None] = {}
        for account, day in order:
            world.account(account, "张伟", "13912340001", delivered=day)
            world.resolve()
            for known, customer in seen.items():
                assert world.customer("ecommerce.customers", known) == customer
            seen[account] = world.customer("ecommerce.customers", account)


def test_ids_survive_a_model_trained_anew(world: Any) -> None:
    people(world)
    world.resolve()
    before = ids(world)
    model = world.settings.warehouse / "identity" / "model.json"
    model.unlink(missing_ok=True)
    world.connection.execute("update clean.pos_members set birthday = '1990-01-02'")
    forget(world)
    world.resolve()
    assert ids(world) == before


def strict(world: Any, monkeypatch: pytest.MonkeyPatch, folder: Path, share: float) -> None:
    """Let a policy of its own allow this share of changed ids, in worlds of any size."""
    if not folder.exists():
        shutil.copytree(world.settings.policy_dir, folder)
    monkeypatch.setattr(type(world.settings), "policy_dir", property(lambda _: folder))
    with (folder / "identity_limits.csv").open("a", encoding="utf-8") as file:
        file.write(f"max_changed_id_share,{share},share,2001-01-01,test\nmin_ids_to_gate,1,ids,2001-01-01,test\n")


def merged_world(world: Any) -> dict[tuple[str, str], str | None]:
    """Resolve, then let new evidence join two of three customers."""
    people(world)
    world.resolve()
    before = ids(world)
    world.connection.execute("update clean.pos_members set id_card = '110101199003074514' where member_id <> 'M2'")
    world.connection.execute("update clean.pos_members set name = '张伟' where member_id = 'M3'")
    return before


def test_a_run_that_changes_too_many_ids_is_held_until_someone_accepts_it(
    world: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strict(world, monkeypatch, tmp_path / "policy", 0.1)
    before = merged_world(world)
    ledger = world.settings.warehouse / "identity"
    for _ in range(2):
        report = world.resolve()["customer_xref"]
        assert (report["held"], report["changed_id_share"]) == (1, round(1 / 3, 6))
    assert ids(world) != before
    assert accept_changes(world.connection, ledger, "lin", date(2026, 6, 1), "the shop asked for cards") == 1
    assert world.resolve()["customer_xref"]["held"] == 0
    assert world.resolve()["customer_xref"]["id_changes"] == 0
    with pytest.raises(UserError, match="was not held"):
        accept_changes(world.connection, ledger, "lin", date(2026, 6, 1), "again")


def test_taking_back_what_changed_too_many_ids_leaves_no_trace(
    world: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strict(world, monkeypatch, tmp_path / "policy", 0.1)
    before = merged_world(world)
    world.resolve()
    world.connection.execute("update clean.pos_members set id_card = null, name = coalesce(nullif(name, '张伟'), name)")
    world.connection.execute("update clean.pos_members set name = '李娜' where member_id = 'M3'")
    world.resolve()
    assert ids(world) == before
    assert world.rows("from identity.id_history") == []


def test_a_run_within_the_share_is_not_held(world: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    strict(world, monkeypatch, tmp_path / "policy", 0.34)
    merged_world(world)
    assert world.resolve()["customer_xref"]["held"] == 0


def test_new_customers_are_no_change_of_ids(world: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    strict(world, monkeypatch, tmp_path / "policy", 0.0)
    people(world)
    world.resolve()
    world.member("M9", "赵敏", "13912340009", delivered="2026-05-09")
    assert world.resolve()["customer_xref"]["held"] == 0


def test_a_changed_rule_is_named_in_the_history(world: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world.member("M1", "张伟", "13912340001")
    world.account("A1", "张伟", "13912340001")
    world.resolve()
    strict(world, monkeypatch, tmp_path / "policy", 1.0)
    with (tmp_path / "policy" / "blocked_identifiers.csv").open("a", encoding="utf-8") as file:
        file.write("phone,+8613912340001,yes,2001-01-01,test\n")
    world.resolve()
    ((reason,),) = world.rows("select reason from identity.id_history")
    assert reason.endswith("(rules or model changed since the last run)")


def test_a_ledger_that_cannot_be_read_is_named_and_not_replaced(world: Any) -> None:
    people(world)
    world.resolve()
    file = world.settings.warehouse / "identity" / "customer_xref.parquet"
    file.write_bytes(b"broken")
    with pytest.raises(UserError, match=r"customer_xref\.parquet.*Restore the file"):
        world.resolve()
    assert file.read_bytes() == b"broken"
