"""What a user name says: it is a mailbox name kept elsewhere, and spells the name of who gave none."""

from typing import Any


def test_a_user_name_finds_who_gave_no_name_and_a_shared_one_finds_nobody(world: Any) -> None:
    world.member("M1", "欧阳雪", "13912340001", birthday="1990-02-03", city="成都市")
    world.account("A1", "欧阳女士", None, username="OuyangXue1331", birthday="1990-02-03", city="成都市")
    world.account("A2", "褚鹏轩", "13912340002", username="penpen77@qq.com", city="长沙市")
    world.account("A3", "褚鹏轩", None, username="penpen77", city="长沙市")
    for number, name in enumerate(["莫云梅", "尹志涛", "谭静倩"]):
        world.account(f"G{number}", name, f"1391234100{number}", username="guest01")
    world.account("N1", "姜超国", "13912340003", username="开心就好")
    world.account("N2", "余江一", "13912340004", username="happyday")
    world.resolve()
    customer = dict(world.rows("select record_key, customer_id from identity.customer_xref"))
    assert customer["M1"] == customer["A1"]
    assert customer["A2"] == customer["A3"]
    assert len({customer[key] for key in ("M1", "A2", "G0", "G1", "G2", "N1", "N2")}) == 7
    assert world.rows("select masked_value, people from identity.learned_blocks where kind = 'user_name'") == [
        ("gu***", 3)
    ]
    levels = world.rows(
        "select evidence['name'], evidence['spelling'] from identity.links where left_record_key = 'M1'"
    )
    assert levels == [("spelled", "same")]
    # A nickname is anybody's.
    told = world.rows("select record_key from identity.records where user_name is not null order by 1")
    assert [key for (key,) in told] == ["A1", "A2", "A3", "G0", "G1", "G2"]


def test_the_spelling_of_another_name_does_not_join(world: Any) -> None:
    world.member("M1", "欧阳雪", "13912340001", birthday="1990-02-03", city="成都市")
    world.account("A1", None, None, username="chupengxuan88", birthday="1990-02-03", city="成都市")
    world.account("A2", "褚女士", None, username="ouyangxue9", birthday="1990-02-03", city="成都市")
    world.resolve()
    customer = dict(world.rows("select record_key, customer_id from identity.customer_xref"))
    assert customer["M1"] not in (customer["A1"], customer["A2"])
