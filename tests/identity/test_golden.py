"""The golden record: which value survives."""

from dataclasses import replace
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.identity import golden
from orchestration.identity.policy import SurvivorshipRule, load_policy


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


def test_a_consent_counts_from_registration_however_late_its_row_was_delivered(world: Any) -> None:
    world.account(
        "A1", "张伟", "13912340001", marketing_consent=True, registered_at="2024-05-06", delivered="2026-03-01"
    )
    world.resolve()
    assert str(customer(world)["marketing_consent_since"]) == "2024-05-06"


def test_a_consent_of_unknown_age_counts_from_the_day_the_customer_was_first_seen(world: Any) -> None:
    world.account("A1", "张伟", "13912340001", marketing_consent=True, delivered="2026-03-01")
    world.ticket("T1", phone="13912340001", sold_at="2025-05-05 10:00")
    world.resolve()
    assert str(customer(world)["marketing_consent_since"]) == "2025-05-05"


def test_an_account_opened_later_dates_a_consent_anew(world: Any) -> None:
    world.account(
        "A1", "张伟", "13912340001", marketing_consent=True, registered_at="2024-05-06", delivered="2026-01-01"
    )
    world.account(
        "A2", "张伟", "13912340001", marketing_consent=True, registered_at="2026-02-03", delivered="2026-03-01"
    )
    world.resolve()
    assert str(customer(world)["marketing_consent_since"]) == "2026-02-03"


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


def values(world: Any, field: str) -> list[tuple[Any, ...]]:
    return world.rows(
        "select value, survives, decided_by, source, record_key, times from identity.golden_values "
        f"where field = '{field}' order by survives desc, value"
    )


def test_every_value_says_where_it_comes_from_and_losing_ones_are_kept(world: Any) -> None:
    world.account("A1", "张伟", "13912340001", unionid="wx", delivered="2026-01-01")
    world.account("A2", "张伟", "13912340002", unionid="wx", delivered="2026-03-01")
    world.resolve()
    source = "ecommerce.customers"
    assert values(world, "phone") == [
        ("+8613912340002", True, "most_recent", source, "A2", 1),
        ("+8613912340001", False, "most_recent", source, "A1", 1),
    ]
    assert values(world, "name") == [("张伟", True, "only_value", source, "A2", 2)]


def test_the_strategy_that_decided_is_named_value_by_value(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", birthday="1990-05-06")
    world.account("A1", "张伟", "13912340001", birthday="1990-06-05")
    world.account("A2", "张伟", "13912340001", birthday="1990-06-05")
    world.case("K1", "张总", "13912340001")
    world.resolve()
    assert [(v[1], v[2], v[5]) for v in values(world, "birthday")] == [
        (True, "most_frequent", 2),
        (False, "most_frequent", 1),
    ]
    assert [(v[1], v[2]) for v in values(world, "name")] == [(True, "fullest_name"), (False, "fullest_name")]


def test_every_value_of_the_golden_record_has_its_provenance(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", gender="male", birthday="1990-05-06", city="杭州市")
    world.account("A1", "张伟", "13912340001", email="zhang@qq.com", city="杭州市")
    world.resolve()
    golden_record = customer(world)
    survivors = dict(world.rows("select field, value from identity.golden_values where survives"))
    for field in ("name", "gender", "birthday", "phone", "email"):
        assert survivors[field] == str(golden_record[field])


def test_the_longest_value_can_be_a_rule(world: Any) -> None:
    world.account("A1", "张伟", unionid="wx", email="zhang.wei.hangzhou@qq.com", delivered="2026-01-01")
    world.account("A2", "张伟", unionid="wx", email="zw@qq.com", delivered="2026-03-01")
    world.resolve()
    assert customer(world)["email"] == "zw@qq.com"
    policy = load_policy(world.settings.policy_dir, world.settings.as_of)
    rules = tuple(SurvivorshipRule(r.field, ("longest",)) if r.field == "email" else r for r in policy.survivorship)
    golden.build_customers(world.connection, replace(policy, survivorship=rules))
    assert customer(world)["email"] == "zhang.wei.hangzhou@qq.com"
    assert [v[:3] for v in values(world, "email")] == [
        ("zhang.wei.hangzhou@qq.com", True, "longest"),
        ("zw@qq.com", False, "longest"),
    ]
