"""A household is a relation between customers: it needs a shared home and never joins anybody."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.identity.households import load_household_rules

HOME = "浙江省杭州市西湖区文三路90号3幢2单元501室"


def households(world: Any) -> list[tuple[list[str], list[str]]]:
    """Names of each household's members and all its evidence."""
    world.resolve()
    return [
        (names, evidence)
        for names, evidence in world.rows(
            "select list_sort(list(distinct c.name)), list_sort(list_distinct(flatten(list(h.evidence)))) "
            "from identity.households as h inner join identity.customers as c using (customer_id) "
            "group by h.household_id order by 1"
        )
    ]


def test_two_people_behind_one_door_are_one_household_and_two_customers(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", address=HOME)
    world.account("A1", "王芳", "13912340002", address=HOME)
    world.member("M2", "李娜", "13912340003", address=HOME.replace("501", "502"))
    assert households(world) == [(["张伟", "王芳"], ["same_door"])]
    assert world.customer("pos.members", "M1") != world.customer("ecommerce.customers", "A1")


def test_a_landline_a_mobile_and_a_door_chain_into_one_household(world: Any) -> None:
    world.member("M1", "张伟", "0571-88881234", address=HOME)
    world.member("M2", "王芳", "0571-88881234")
    world.member("M3", "张小明", "13912340002", address=HOME)
    world.account("A1", "李秀英", "13912340002")
    assert households(world) == [
        (sorted(["张小明", "张伟", "李秀英", "王芳"]), ["same_door", "same_landline", "shared_mobile"])
    ]


def test_a_house_number_without_a_room_needs_one_surname(world: Any) -> None:
    house = "浙江省杭州市西湖区文三路90号"
    world.member("M1", "张伟", "13912340001", address=house)
    world.member("M2", "张小明", "13912340002", address=house)
    world.member("M3", "王芳", "13912340003", address=house)
    assert households(world) == [(["张伟", "张小明"], ["same_house"])]


def test_a_dormitory_a_switchboard_and_a_default_number_are_no_home(world: Any) -> None:
    names = ["张伟", "王芳", "李娜", "刘洋", "陈静", "杨勇", "赵敏", "黄磊", "周涛"]
    for number, name in enumerate(names):
        world.member(f"M{number}", name, f"1391234000{number}", address=HOME)
        world.account(f"A{number}", name, "0571-88881234")
    world.member("P1", "吴刚", "13800000000")
    world.member("P2", "徐丽", "13800000000")
    assert households(world) == []


def test_a_parcel_to_a_friend_makes_no_household(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", address=HOME)
    world.guest("G1", "王芳", "13912340002", receiver_address=HOME)
    assert households(world) == []


def test_household_ids_stay_and_hold_no_personal_data(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", address=HOME)
    world.member("M2", "王芳", "13912340002", address=HOME, delivered="2026-05-02")
    households(world)
    before = world.rows("select household_id, customer_id from identity.households")
    world.member("M3", "张小明", "13912340003", address=HOME, delivered="2026-05-03")
    households(world)
    after = world.rows("select household_id, customer_id from identity.households")
    assert set(before) < set(after)
    assert len({h for h, _ in after}) == 1


def test_nobody_shares_anything(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    assert households(world) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("same_planet,8,no,yes,2000-01-01,x", "row 2: household_rule `same_planet` is none of same_door"),
        ("same_door,many,no,yes,2000-01-01,x", "row 2: max_customers `many` must be a whole number"),
        ("same_door,8,no,perhaps,2000-01-01,x", "row 2: enabled `perhaps` must be yes or no"),
    ],
)
def test_a_faulty_rule_is_named(tmp_path: Path, row: str, message: str) -> None:
    file = tmp_path / "household_rules.csv"
    file.write_text(f"household_rule,max_customers,needs_surname,enabled,valid_from,why\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError) as fault:
        load_household_rules(tmp_path, date(2026, 1, 1))
    assert message in str(fault.value)


def test_the_newest_rule_in_force_counts(tmp_path: Path) -> None:
    file = tmp_path / "household_rules.csv"
    file.write_text(
        "household_rule,max_customers,needs_surname,enabled,valid_from,why\n"
        "same_door,8,no,yes,2000-01-01,x\nsame_door,8,no,no,2026-01-01,x\n",
        encoding="utf-8",
    )
    assert len(load_household_rules(tmp_path, date(2025, 12, 31))) == 1
    assert load_household_rules(tmp_path, date(2026, 1, 1)) == ()
