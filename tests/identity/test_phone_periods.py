"""A number that was given out again joins its old and its new owner neither directly nor by what mentions it."""

from typing import Any

import pytest

OLD = {"registered_at": "2015-03-01"}
NEW = {"registered_at": "2022-06-01"}
NUMBER = "13912340001"


def two_owners(world: Any) -> None:
    world.member("M1", "王芳", NUMBER, **OLD)
    world.add("pos_sales", ticket_id="T0", member_id="M1", sold_at="2016-08-01 10:00")
    world.account("A1", "李强", NUMBER, **NEW)


def periods(world: Any) -> dict[str, int | None]:
    return dict(world.rows("select record_key, phone_period from identity.records where phone is not null"))


def test_what_mentions_the_number_belongs_to_its_owner_of_that_time(world: Any) -> None:
    two_owners(world)
    world.ticket("T1", phone=NUMBER, sold_at="2016-01-05 10:00")
    world.ticket("T2", phone=NUMBER, sold_at="2023-01-05 10:00")
    world.case("K1", None, NUMBER, opened_at="2025-05-05 10:00")
    world.resolve()
    old, new = world.customer("pos.members", "M1"), world.customer("ecommerce.customers", "A1")
    assert old != new
    assert world.customer("pos.sales", "T1") == old
    assert world.customer("pos.sales", "T2") == world.customer("call_center.cases", "K1") == new
    assert world.rows("from identity.review_queue") == []


@pytest.mark.parametrize(
    ("day", "owner"), [("2017-02-01", "M1"), ("2021-12-01", "A1"), ("2019-06-01", None)],
    ids=["soon after the old owner", "soon before the new owner", "years from both"],
)  # fmt: skip
def test_a_use_between_two_owners_is_theirs_whom_it_is_near_to(world: Any, day: str, owner: str | None) -> None:
    two_owners(world)
    world.ticket("T1", phone=NUMBER, sold_at=f"{day} 10:00")
    world.resolve()
    owners = {k: c for _, k, c in world.rows("select source, record_key, customer_id from identity.customer_xref")}
    assert owners["T1"] == (owners[owner] if owner else None)


def test_the_old_owner_is_not_called_at_a_number_that_is_somebody_elses(world: Any) -> None:
    two_owners(world)
    world.resolve()
    phones = dict(world.rows("select customer_id, phone from identity.customers"))
    assert phones[world.customer("pos.members", "M1")] is None
    assert phones[world.customer("ecommerce.customers", "A1")] == "+86" + NUMBER


def test_owners_one_after_the_other_are_no_household(world: Any) -> None:
    two_owners(world)
    world.resolve()
    assert world.rows("from identity.households") == []


def test_two_nameless_accounts_years_apart_are_two_users(world: Any) -> None:
    world.account("A1", None, NUMBER, **OLD)
    world.account("A2", None, NUMBER, **NEW)
    world.resolve()
    assert world.customer("ecommerce.customers", "A1") != world.customer("ecommerce.customers", "A2")


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("王芳", NEW),
        ("王女士", NEW),
        (None, NEW),
        ("李强", {"registered_at": "2017-01-01"}),
    ],
    ids=["the same name", "the same surname", "no name, another source", "within a year"],
)
def test_a_number_stays_one_where_nothing_says_that_it_changed_hands(
    world: Any, name: str | None, more: dict[str, str]
) -> None:
    world.member("M1", "王芳", NUMBER, **OLD)
    world.add("pos_sales", ticket_id="T0", member_id="M1", sold_at="2016-08-01 10:00")
    world.account("A1", name, NUMBER, **more)
    world.resolve()
    assert set(periods(world).values()) == {None}


def test_an_owner_who_comes_back_never_lost_the_number(world: Any) -> None:
    two_owners(world)
    world.guest("O1", "王芳", NUMBER, ordered_at="2024-01-01 10:00")
    world.resolve()
    assert set(periods(world).values()) == {None}


def test_a_use_by_a_fact_counts_as_much_as_a_registration(world: Any) -> None:
    two_owners(world)
    world.add("ecommerce_orders", order_id="O9", account_id="A1", ordered_at="2026-01-01 10:00")
    world.add("pos_sales", ticket_id="T9", member_id="M1", sold_at="2022-01-01 10:00")
    world.resolve()
    assert set(periods(world).values()) == {None}


def test_three_owners_have_three_periods(world: Any) -> None:
    two_owners(world)
    world.account("A2", "赵丽", NUMBER, registered_at="2025-01-01")
    world.resolve()
    found = periods(world)
    assert (found["M1"], found["A1"], found["A2"]) == (1, 2, 3)
    assert len({c for (c,) in world.rows("select customer_id from identity.customer_xref")}) == 3
