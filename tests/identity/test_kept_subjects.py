"""A night describes anew whose records changed, or a value of whose is trusted now and was not; and nobody else."""

from typing import Any

import pytest

NAMES = [s + g for s in "张王李赵陈刘杨黄" for g in ("伟", "芳", "强")]


def fill(world: Any, *, others: int = 12) -> None:
    """Members who share nothing with anybody, so that what is due is not most of it."""
    for number in range(others):
        world.member(f"M{number}", NAMES[number % len(NAMES)], f"1391234{number:04d}")


def described_anew(world: Any) -> list[tuple[Any, ...]]:
    """The subjects of now, made from nothing."""
    world.connection.execute("drop table identity.distrusted; delete from identity.links_decided_by")
    world.resolve()
    return world.rows("from identity.subjects order by all")  # type: ignore[no-any-return]


def test_a_night_describes_only_whose_records_changed(world: Any) -> None:
    fill(world)
    assert world.resolve()["links"]["subjects_due"] == 12
    world.connection.execute("update clean.pos_members set birthday = '1990-02-03' where member_id = 'M3'")
    world.case("C1", "张先生", "13987650000", member_id="M5")
    assert world.resolve()["links"]["subjects_due"] == 2
    assert world.rows("from identity.subjects order by all") == described_anew(world)


@pytest.mark.parametrize(
    ("field", "value", "allowed", "column"),
    [("phone", "02088886666", 3, "phone"), ("address", "四川省成都市武侯区天府大道100号", 20, "road_number")],
)
@pytest.mark.usefixtures("tight")
def test_a_value_that_too_many_share_since_is_taken_from_records_that_did_not_change(
    world: Any, field: str, value: str, allowed: int, column: str
) -> None:
    fill(world, others=2 * allowed + 4)
    for number in range(allowed):
        world.member(f"S{number}", NAMES[number % len(NAMES)], **{field: value})
    world.resolve()
    count = f"select count({column}) from identity.subjects"
    ((trusted,),) = world.rows(count)
    world.member("S99", NAMES[-1], **{field: value})
    assert world.resolve()["links"]["subjects_due"] == allowed + 1
    assert world.rows(count) == [(trusted - allowed,)]
    world.connection.execute("delete from clean.pos_members where member_id = 'S99'")
    assert world.resolve()["links"]["subjects_due"] == allowed
    assert world.rows(count) == [(trusted,)]
    assert world.rows("from identity.subjects order by all") == described_anew(world)


def test_a_card_that_too_many_call_with_since_is_no_longer_described_by_its_calls(world: Any) -> None:
    fill(world, others=20)
    for number in range(6):
        world.case(f"C{number}", NAMES[number], f"1861234{number:04d}", member_id="W")
    world.resolve()
    named = "select s.name_key from identity.subjects as s inner join identity.records as r using (record_id) "
    named += "where r.source = 'pos.members' and r.record_key = 'W'"
    assert world.rows(named) != [(None,)]
    world.case("C6", NAMES[6], "18612340006", member_id="W")
    assert world.resolve()["links"]["subjects_due"] == 1
    assert world.rows(named) == [(None,)]
    assert world.rows("from identity.subjects order by all") == described_anew(world)
