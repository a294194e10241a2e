"""The golden record: which value survives."""

from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.identity import golden
from orchestration.identity.policy import load_policy


def customer(world: Any) -> dict[str, Any]:
    relation = world.connection.sql("from identity.customers")
    (row,) = relation.fetchall()
    return dict(zip(relation.columns, row, strict=True))


def test_a_gendered_title_stands_before_a_rank_however_often_the_rank_is_written(world: Any) -> None:
    world.case("K1", "张总", "13912340001")
    world.case("K2", "张总", "13912340001", member_id="M1")
    world.case("K3", "张先生", "13912340001", member_id="M1")
    world.resolve()
    found = customer(world)
    assert found["salutation"] == "张先生"
    assert found["gender"] == "male"


def test_a_full_name_survives_parts_of_it_and_sex_makes_the_salutation(world: Any) -> None:
    world.member("M1", "王芳", "13912340001", gender="female")
    world.case("K1", "王总", "13912340001")
    world.resolve()
    found = customer(world)
    assert (found["name"], found["salutation"], found["masked_name"]) == ("王芳", "王女士", "王*")


@pytest.mark.parametrize(
    ("name", "salutation"),
    [
        ("张伟", "张*"),
        ("诸葛孔明亮", "诸****"),
        ("John Smith", "J*** S***"),
        ("Mr. John Smith", "Mr Smith"),
        ("Dr. Wang", "Dr Wang"),
        ("小张", "小张"),
        ("张总", "张总"),
    ],
)
def test_nobody_is_called_by_the_whole_name(world: Any, name: str, salutation: str) -> None:
    world.member("M1", name, "13912340001")
    world.resolve()
    assert customer(world)["salutation"] == salutation


def test_the_newest_usable_number_survives(world: Any) -> None:
    world.account("A1", "张伟", "13912340001", unionid="wx", delivered="2026-01-01")
    world.account("A2", "张伟", "13912340002", unionid="wx", delivered="2026-03-01")
    world.account("A3", "张伟", "13800000000", unionid="wx", delivered="2026-04-01")
    world.resolve()
    found = customer(world)
    assert found["phone"] == "+8613912340002"
    assert "12340002" not in found["masked_phone"]


def test_the_newest_consent_counts_and_of_two_of_one_day_the_refusal(world: Any) -> None:
    world.account("A1", "张伟", "13912340001", marketing_consent=True, delivered="2026-01-01")
    world.account("A2", "张伟", "13912340001", marketing_consent=True, delivered="2026-03-01")
    world.account("A3", "张伟", "13912340001", marketing_consent=False, delivered="2026-03-01")
    world.resolve()
    found = customer(world)
    assert found["marketing_consent"] is False
    assert str(found["marketing_consent_since"]) == "2026-03-01"


def test_counts_and_first_days_cover_every_record(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", registered_at="2020-02-03")
    world.account("A1", "张伟", "13912340001", registered_at="2019-01-02")
    for number in range(3):
        world.ticket(f"T{number}", phone="13912340001", sold_at="2018-05-05 10:00")
    world.resolve()
    found = customer(world)
    assert (found["member_count"], found["account_count"], found["record_count"]) == (1, 1, 5)
    assert str(found["registered_at"])[:10] == "2019-01-02"
    assert str(found["first_seen_at"])[:10] == "2018-05-05"


def test_a_birthday_written_twice_survives_a_slip(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", birthday="1990-05-06")
    world.account("A1", "张伟", "13912340001", birthday="1990-06-05")
    world.account("A2", "张伟", "13912340001", birthday="1990-06-05")
    world.resolve()
    assert str(customer(world)["birthday"]) == "1990-06-05"


def test_an_unknown_strategy_is_named_with_its_field(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.member("M1", "张伟", "13912340001")
    world.resolve()
    policy = load_policy(world.settings.policy_dir, world.settings.as_of)
    monkeypatch.setattr(golden, "_STRATEGIES", {"most_recent": "updated_on desc"})
    with pytest.raises(UserError, match=r"field `name`: unknown strategy `fullest_name`"):
        golden.build_customers(world.connection, policy)


def test_an_address_in_the_column_of_the_city_is_no_city(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", city="长乐街99弄")
    world.member("M2", "李娜", "13912340002", city="大阪")
    world.resolve()
    assert world.connection.sql("select city from identity.customers order by city").fetchall() == [("大阪",), (None,)]
