"""Values that many people share are learned from the records, link nobody, and are listed masked."""

from typing import Any

import pytest

NAMES = [s + g for s in "张王李赵陈刘杨黄" for g in ("伟", "芳", "强")]


def rows(world: Any) -> list[tuple[Any, ...]]:
    return world.rows(  # type: ignore[no-any-return]
        "select kind, masked_value, people, records, limit_name, limit_value from identity.learned_blocks"
    )


@pytest.mark.parametrize(
    ("field", "value", "people", "masked"),
    [
        ("phone", "02088886666", 7, None),
        ("id_card", "110101199003070011", 7, "11***"),
        ("address", "四川省成都市武侯区天府大道100号", 21, None),
    ],
)
def test_a_value_of_more_people_than_policy_allows_is_learned_and_masked(
    world: Any, field: str, value: str, people: int, masked: str | None
) -> None:
    for number in range(people):
        world.member(f"M{number}", NAMES[number], **{field: value})
    report = world.resolve()["links"]
    assert report["learned_blocks"] == {field: 1}
    ((kind, shown, bearers, records, name, limit),) = rows(world)
    assert (kind, bearers, records, name, limit) == (field, people, people, f"max_people_per_{field}", people - 1)
    assert shown is not None
    assert "*" in shown
    assert value not in shown
    assert masked is None or shown == masked


@pytest.mark.parametrize(
    ("field", "value", "people"),
    [("phone", "02088886666", 6), ("id_card", "110101199003070011", 6), ("address", "四川省成都市天府大道100号", 20)],
)
def test_as_many_people_as_policy_allows_block_nothing(world: Any, field: str, value: str, people: int) -> None:
    for number in range(people):
        world.member(f"M{number}", NAMES[number], **{field: value})
    assert world.resolve()["links"]["learned_blocks"] == {}
    assert rows(world) == []


def test_an_id_card_of_three_people_joins_none_of_them(world: Any) -> None:
    for number in range(3):
        world.member(f"M{number}", NAMES[3 * number], f"1391234000{number}", id_card="110101199003070011")
    world.account("A1", NAMES[0], "13912340000")
    assert world.resolve()["customers"]["customers"] == 3


def test_a_pick_up_point_is_no_ones_door(world: Any) -> None:
    point = {"address": "四川省成都市武侯区天府大道100号1栋2单元301室"}
    for number in range(21):
        world.member(f"M{number}", NAMES[number], f"139123400{number:02d}", **point)
    world.account("A1", NAMES[0], "18687654321", **point)
    world.resolve()
    assert world.customer("ecommerce.customers", "A1") != world.customer("pos.members", "M0")
    assert world.rows("select count(road_number), count(address_words), count(city) from identity.subjects") == [
        (0, 0, 22)
    ]


def test_what_was_learned_is_forgotten_when_the_records_are_gone(world: Any) -> None:
    for number in range(7):
        world.member(f"M{number}", NAMES[number], "02088886666")
    world.resolve()
    assert len(rows(world)) == 1
    world.connection.execute("delete from clean.pos_members where member_id = 'M6'")
    world.resolve()
    assert rows(world) == []


def test_a_number_blocked_by_hand_that_many_write_leaves_one_description_and_one_link(world: Any) -> None:
    """What tills send by default is on the list, and in any file of size over the limits too."""
    for number in range(8):
        world.member(f"M{number}", NAMES[number], "13800138000")
    world.account("A1", NAMES[0], "13800138000", email="zw@example.com", unionid="oZ1")
    world.account("A2", NAMES[0], "13800138000", email="zw@example.com", unionid="oZ1")
    world.resolve()
    assert world.rows("select count(*), count(distinct record_id) from identity.subjects") == [(10, 10)]
    assert world.rows("select left_record_key, right_record_key from identity.links") == [("A1", "A2")]


@pytest.mark.parametrize("name", [None, NAMES[0]])
@pytest.mark.parametrize(("field", "value"), [("unionid", "oUnknown"), ("id_card", "110101199003070011")])
def test_a_value_that_more_records_hold_than_one_person_has_joins_none_of_them(
    world: Any, field: str, value: str, name: str | None
) -> None:
    """A default that an app or a form sends comes with one name as often as with none: no names give it away."""
    add = world.account if field == "unionid" else world.member
    for number in range(51):
        add(f"R{number}", name, f"139{number:04d}1234", **{field: value})
    report = world.resolve()
    assert report["customers"]["customers"] == 51
    assert [(k, n, limit) for k, _, _, n, limit, _ in rows(world)] == [(field, 51, f"max_records_per_{field}")]


@pytest.mark.parametrize(("field", "value"), [("unionid", "oUnknown"), ("id_card", "110101199003070011")])
def test_as_many_records_as_one_person_may_have_are_one_customer(world: Any, field: str, value: str) -> None:
    add = world.account if field == "unionid" else world.member
    for number in range(50):
        add(f"R{number}", NAMES[0], f"139{number:04d}1234", **{field: value})
    assert world.resolve()["customers"]["customers"] == 1


def card_of_everybody(world: Any, callers: int) -> None:
    """The till's card for whoever has none: everybody calls with it, and is a member too."""
    world.member("W", "散客")
    for number in range(callers):
        phone = f"1391234{number:04d}"
        world.member(f"M{number}", NAMES[number], phone)
        world.case(f"C{number}", NAMES[number], phone, member_id="W")
        world.ticket(f"T{number}", phone=phone)


def test_a_card_that_everybody_calls_with_is_none_of_the_callers_and_claims_none_of_their_numbers(world: Any) -> None:
    card_of_everybody(world, 7)
    assert world.resolve()["customers"]["customers"] == 8
    assert [(k, limit) for k, _, _, _, limit, _ in rows(world)] == [("member_id", "max_people_per_member_id")]
    for number in range(7):
        assert world.customer("pos.sales", f"T{number}") == world.customer("pos.members", f"M{number}")
        assert world.customer("call_center.cases", f"C{number}") == world.customer("pos.members", "W")
    card = world.customer("pos.members", "W")
    assert world.rows(f"select name, phone from identity.customers where customer_id = '{card}'") == [(None, None)]


def test_a_card_that_no_delivery_describes_takes_the_name_of_its_callers_while_they_are_a_household(world: Any) -> None:
    world.member("M0", NAMES[0], "13912340000")
    world.case("C0", NAMES[0], "13912340000", member_id="W")
    world.resolve()
    assert world.customer("pos.members", "W") == world.customer("pos.members", "M0")
    for number in range(1, 7):
        world.case(f"C{number}", NAMES[number], f"1391234{number:04d}", member_id="W")
    world.resolve()
    assert world.customer("pos.members", "W") != world.customer("pos.members", "M0")


def test_a_card_that_everybody_calls_with_joins_no_accounts(world: Any) -> None:
    card_of_everybody(world, 7)
    for number in range(3):
        world.account(f"A{number}")
        world.case(f"B{number}", member_id="W", account_id=f"A{number}")
    world.resolve()
    assert len({world.customer("ecommerce.customers", f"A{n}") for n in range(3)}) == 3


def test_a_card_that_everybody_calls_with_makes_no_home_of_them(world: Any) -> None:
    door = "四川省成都市武侯区天府大道100号1栋2单元301室"
    card_of_everybody(world, 14)
    for number in (0, 1):
        world.connection.execute("update clean.pos_members set address = ? where member_id = ?", [door, f"M{number}"])
    world.resolve()
    assert world.rows("select members, evidence from identity.households") == [(2, ["same_door"])] * 2


@pytest.mark.parametrize(("mask", "holders", "learned"), [("138****8000", 20, []), ("138****1234", 201, [201])])
def test_a_mask_that_hides_a_number_of_everybody_joins_nobody(
    world: Any, mask: str, holders: int, learned: list[int]
) -> None:
    """138****8000 is the blocked 13800138000; a number that no list holds is learned."""
    for number in range(holders):
        world.account(f"A{number}", NAMES[number % len(NAMES)][0] + "*", mask, city="成都市")
    # So many others that the file tells how rare a name is, which lets a mask count for much.
    for number in range(500):
        world.account(f"B{number}", NAMES[number % len(NAMES)], f"139{number:04d}1234", city="成都市")
    world.resolve()
    assert [(k, n) for k, _, _, n, _, _ in rows(world) if k == "phone_mask"] == [("phone_mask", n) for n in learned]
    assert world.rows("select count(*) from identity.links where left_record_key like 'A%'") == [(0,)]
