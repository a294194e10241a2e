"""Finding one customer by what a person at the terminal has."""

from typing import Any

import pytest

from orchestration.identity.lookup import find_customers


@pytest.fixture
def known(world: Any) -> Any:
    world.member("M1", "张伟", "13912340001")
    world.account("A1", "张伟", "13912340001", email="zhang@qq.com")
    world.member("M2", "张伟", "13912340002")
    world.member("M3", "王芳", "13912340003")
    world.resolve()
    return world


@pytest.mark.parametrize("text", ["M1", "13912340001", "139 1234 0001", "+8613912340001", "ZHANG@qq.com", "A1"])
def test_id_number_and_mailbox_find_one_customer(known: Any, text: str) -> None:
    assert find_customers(known.connection, text) == [known.customer("pos.members", "M1")]


def test_a_customer_id_finds_itself_in_any_case(known: Any) -> None:
    customer = known.customer("pos.members", "M3")
    assert find_customers(known.connection, customer.lower()) == [customer]


def test_a_name_finds_every_namesake(known: Any) -> None:
    assert set(find_customers(known.connection, "张伟")) == {
        known.customer("pos.members", "M1"),
        known.customer("pos.members", "M2"),
    }


@pytest.mark.parametrize("text", ["", "  ", "赵六", "'; drop table identity.customers; --", "%"])
def test_what_nobody_has_finds_nobody(known: Any, text: str) -> None:
    assert find_customers(known.connection, text) == []
