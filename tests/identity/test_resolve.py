"""Who becomes one customer, and who does not: `tests/cases/identity.csv` in one world, and some worlds by hand."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parents[1] / "cases" / "identity.csv"
SOURCES = {
    "member": "pos.members",
    "account": "ecommerce.customers",
    "case": "call_center.cases",
    "survey": "call_center.surveys",
    "guest": "ecommerce.orders",
    "ticket": "pos.sales",
}
with CASES.open(encoding="utf-8") as handle:
    ROWS = list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory, new_world: Any) -> Iterator[Any]:
    world = new_world(tmp_path_factory.mktemp("identity"))
    for row in ROWS:
        shared = ("email", "birthday", "gender", "city", "address", "unionid", "id_card", "member_id", "account_id")
        more = {k: row[k] for k in shared if row[k]}
        getattr(world, row["source"])(row["key"], row["name"] or None, row["phone"] or None, **more)
    world.resolve()
    yield world
    world.connection.close()


@pytest.mark.parametrize("case", sorted({r["case"] for r in ROWS}))
def test_records_of_one_person_share_a_customer_and_others_do_not(solved: Any, case: str) -> None:
    customers = defaultdict(set)
    for row in (r for r in ROWS if r["case"] == case):
        customers[row["person"]].add(solved.customer(SOURCES[row["source"]], row["key"]))
    assert customers.pop("-", {None}) == {None}, "a record that may be anyone's has a customer"
    assert all(len(ids) == 1 and None not in ids for ids in customers.values()), dict(customers)
    assert len({min(ids) for ids in customers.values()}) == len(customers), dict(customers)


def test_no_case_shares_a_customer_with_another(solved: Any) -> None:
    cases = defaultdict(set)
    for row in ROWS:
        customer = solved.customer(SOURCES[row["source"]], row["key"])
        if customer:
            cases[customer].add(row["case"])
    assert {c: names for c, names in cases.items() if len(names) > 1} == {}


def test_every_source_record_is_in_the_crosswalk_once(solved: Any) -> None:
    inferred = solved.rows("select count(*) from identity.records where inferred")[0][0]
    (rows, keys) = solved.rows("select count(*), count(distinct (source, record_key)) from identity.customer_xref")[0]
    assert rows == keys
    assert rows == len(ROWS) + inferred


def test_every_customer_of_the_crosswalk_has_a_golden_record_and_no_other_has(solved: Any) -> None:
    assert (
        solved.rows(
            """
        select x.customer_id, c.customer_id
        from (select distinct customer_id from identity.customer_xref where customer_id is not null) as x
        full join identity.customers as c on c.customer_id = x.customer_id
        where x.customer_id is null or c.customer_id is null
        """
        )
        == []
    )


def test_evidence_names_levels_and_never_a_value(solved: Any) -> None:
    levels = {r[0] for r in solved.rows("select unnest(map_values(evidence)) from identity.links")}
    assert levels <= {
        "same", "same_sound", "close", "part", "compatible", "different", "same_year", "title_conflict",
        "title_against_record", "same_mailbox_name", "same_door", "same_road", "same_district", "same_city",
        "generation", "elsewhere_in_city", "one_of_three", "two_parts", "masked", "alike", "short_form",
    }  # fmt: skip


def test_pairs_with_a_shared_identifier_that_contradict_go_to_review(solved: Any) -> None:
    pairs = {frozenset(r) for r in solved.rows("select left_record_key, right_record_key from identity.review_queue")}
    assert frozenset({"A21a", "A21b"}) in pairs
    assert frozenset({"M28", "A28"}) in pairs


def test_a_person_whose_number_may_be_anyones_goes_to_review_with_the_candidates(solved: Any) -> None:
    keys = {k for r in solved.rows("select left_record_key, right_record_key from identity.review_queue") for k in r}
    assert {"T06", "K04c"} <= keys


def test_no_pair_of_one_customer_waits_for_review(solved: Any) -> None:
    assert (
        solved.rows(
            """
        select 1
        from identity.review_queue as q
        inner join identity.customer_xref as l on l.source = q.left_source and l.record_key = q.left_record_key
        inner join identity.customer_xref as r on r.source = q.right_source and r.record_key = q.right_record_key
        where l.customer_id = r.customer_id
        """
        )
        == []
    )


def test_ids_that_facts_name_become_customers_without_any_delivery_of_people(world: Any) -> None:
    for number in range(40):
        world.add("ecommerce_orders", order_id=f"O{number}", account_id=f"U{number % 20}")
        world.add("pos_sales", ticket_id=f"T{number}", member_id=f"M{number % 10}")
        world.add("ecommerce_events", event_id=f"E{number}", account_id=f"U{number % 25}")
    report = world.resolve()
    assert report["customers"]["customers"] == 35
    assert world.matched_by("ecommerce.customers", "U24") == "single_record"
    assert world.rows(
        "select count(*) from identity.customer_xref where source in ('ecommerce.orders', 'pos.sales')"
    ) == [(0,)]


def test_homonyms_stay_apart_in_one_town_however_many_there_are(world: Any) -> None:
    for number in range(60):
        world.member(f"M{number}", ["张伟", "王伟", "李娜"][number % 3], city="成都市", gender="male")
    assert world.resolve()["customers"]["customers"] == 60


def test_an_empty_warehouse_gives_empty_tables(world: Any) -> None:
    report = world.resolve()
    assert report["customer_xref"] == {
        "records": 0,
        "unlinked": 0,
        "customers": 0,
        "id_changes": 0,
        "ids_before": 0,
        "ids_changed": 0,
        "changed_id_share": 0.0,
        "held": 0,
        "seconds": report["customer_xref"]["seconds"],
    }
    assert world.rows("select count(*) from identity.links") == [(0,)]


def test_an_answer_without_contact_belongs_to_the_person_of_its_case(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    world.case("K1", "张先生", "13912340001")
    world.survey("S1", case_id="K1")
    world.survey("S2", case_id="K9")
    world.resolve()
    assert world.customer("call_center.surveys", "S1") == world.customer("pos.members", "M1")
    assert world.customer("call_center.surveys", "S2") is None


def test_a_number_with_more_names_than_a_household_joins_nobody(world: Any) -> None:
    for number, name in enumerate(["张伟", "王芳", "李娜", "刘洋", "陈静", "杨帆", "赵磊", "黄勇"]):
        world.member(f"M{number}", name, "02088886666")
    world.account("A1", "张伟", "020-88886666")
    world.case("K1", "张先生", "02088886666")
    world.resolve()
    assert world.customer("ecommerce.customers", "A1") != world.customer("pos.members", "M0")
    assert world.customer("call_center.cases", "K1") is None


def test_mentions_with_the_same_words_are_one_record_and_all_get_its_customer(world: Any) -> None:
    for number in range(50):
        world.ticket(f"T{number}", phone="13912340001")
    report = world.resolve()
    assert report["records"]["records"] == 1
    assert world.rows("select count(*), count(distinct customer_id) from identity.customer_xref") == [(50, 1)]


def test_a_referrer_is_shown_as_a_customer(world: Any) -> None:
    world.account("A1", "张伟", "13912340001")
    world.account("A2", "王芳", "13912340002", referrer_account_id="A1")
    world.account("A3", "李娜", "13912340003", referrer_account_id="A99")
    world.resolve()
    found = dict(world.rows("select customer_id, referrer_customer_id from identity.customers"))
    assert found[world.customer("ecommerce.customers", "A2")] == world.customer("ecommerce.customers", "A1")
    assert found[world.customer("ecommerce.customers", "A3")] == world.customer("ecommerce.customers", "A99")
