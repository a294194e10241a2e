"""Giving up on a pair early loses none that could have been linked or reviewed."""

import random
from datetime import date
from typing import Any

import pytest

from orchestration.identity.comparison import compare_pairs
from orchestration.identity.deterministic import describe_subjects
from orchestration.identity.kept_pairs import know_nothing
from orchestration.identity.match_weights import weight_sql
from orchestration.identity.name_shares import write_name_shares
from orchestration.identity.policy import IdentityPolicy, load_policy
from orchestration.identity.promising import write_promising
from orchestration.identity.resolve import make_records
from orchestration.identity.scoring import Model, default_model

NAMES = (
    "张伟",
    "张薇",
    "李晓明",
    "李小明",
    "欧阳娜娜",
    "欧阳娜",
    "王丽丽",
    "汪丽丽",
    "王*",
    "张先生",
    "Bob Smith",
    "Robert Smith",
    "Smyth Robert",
    "Li Xiaoming",
    None,
)
PHONES = ("13912340001", "13912340011", "13912350001", "138****0001", "13812340001", "02887654321", None)
EMAILS = ("liming81@qq.com", "liming81@163.com", "limingg81@qq.com", "bob.smith@gmail.com", None, None)
USER_NAMES = ("liming81", "zhangwei7", "lixiaoming1", "bobsmith", None)
BIRTHDAYS = ("1990-02-03", "1990-03-02", "1990-02-13", "1962-02-03", "1991-07-30", None)
ADDRESSES = ("春熙路4号2栋301室", "春熙路4号2栋", "人民南路9号", "12 hoseason st", None)
CARDS = ("510105199002030018", "510105199002030028", "510105196202030011", None, None)


@pytest.fixture(params=(7, 8, 9))
def crowd(world: Any, request: pytest.FixtureRequest) -> tuple[Any, IdentityPolicy, Model]:
    """Ninety records drawn from values that are the same, nearly the same and different, and all pairs of them."""
    chance = random.Random(request.param)  # noqa: S311 - a test's own chance
    for number in range(90):
        person = {"birthday": chance.choice(BIRTHDAYS), "address": chance.choice(ADDRESSES), "city": "成都市"}
        person |= {"gender": chance.choice(("male", "female", None))}
        name, phone = chance.choice(NAMES), chance.choice(PHONES)
        if number % 2:
            world.member(f"M{number}", name, phone, id_card=chance.choice(CARDS), **person)
        else:
            person |= {"unionid": chance.choice(("o1", "o2", None)), "username": chance.choice(USER_NAMES)}
            world.account(f"A{number}", name, phone, email=chance.choice(EMAILS), **person)
    world.build_dictionaries()
    make_records(world.connection, world.settings)
    policy = load_policy(world.settings.policy_dir, date(2026, 6, 1))
    model = default_model(policy)
    describe_subjects(world.connection, policy)
    know_nothing(world.connection)
    write_name_shares(world.connection, policy, {}, {}, 1.0)
    world.connection.execute(
        "create or replace temp table candidate_pairs as select l.record_id as l, r.record_id as r "
        "from subjects as l inner join subjects as r on l.record_id < r.record_id"
    )
    compare_pairs(world.connection, policy, "candidate_pairs", "levels")
    world.connection.execute(
        f"""
        create or replace temp table weights as
        select e.l, e.r, e.excluded, {weight_sql(model.m, model.u)} as weight
        from levels as e
        left join name_shares as ln on ln.record_id = e.l
        left join name_shares as rn on rn.record_id = e.r
        """
    )
    return world, policy, model


@pytest.mark.parametrize("least", [-10.0, 0.0, 8.0, 16.0, 24.0])
def test_no_pair_that_reaches_the_threshold_is_given_up(crowd: Any, least: float) -> None:
    world, policy, model = crowd
    write_promising(world.connection, policy, model, least)
    lost = world.rows(
        f"select * from weights where not excluded and weight >= {least} "
        "and (l, r) not in (select (l, r) from promising_pairs)"
    )
    assert lost == []
    ((reach, kept, everything),) = world.rows(
        f"select count(*) filter (where not excluded and weight >= {least}), "
        "(select count(*) from promising_pairs), count(*) from weights"
    )
    assert 0 < reach <= kept < everything, "the crowd must hold pairs on both sides"
