"""Who becomes one customer, and who does not."""

from typing import Any


def test_a_title_at_a_known_number_belongs_to_the_person_there_and_a_woman_of_another_name_does_not(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", gender="male")
    world.account("A1", "张伟", "+86 139 1234 0001", email="zw@qq.com")
    world.case("K1", "张先生", "13912340001")
    world.case("K2", "李女士", "13912340001")
    world.resolve()
    assert world.customer("pos.members", "M1") == world.customer("ecommerce.customers", "A1")
    assert world.customer("pos.members", "M1") == world.customer("call_center.cases", "K1")
    assert world.customer("call_center.cases", "K2") not in (None, world.customer("pos.members", "M1"))
