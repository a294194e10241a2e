"""Why records are one customer or not, in words and weights; parting them; checking decisions before writing."""

from datetime import date
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.identity.decisions import Decision, RecordRef, decisions_file, read_decisions
from orchestration.identity.explain import decide, explain_customer, explain_pair, record_named, unmerge

DAY = date(2026, 6, 2)


@pytest.fixture
def known(world: Any) -> Any:
    world.member("M1", "张伟", "13912340001", birthday="1990-05-06")
    world.account("A1", "张伟", "13912340001", birthday="1990-05-06", email="zhang@qq.com")
    world.account("A2", "张伟", "13912340002", email="zhang@qq.com")
    world.case("K1", "张先生", None, member_id="M1")
    world.member("M2", "王芳", "13912340001", birthday="1985-01-02", gender="female")
    world.resolve()
    return world


def part(world: Any, customer: Any, *records: str) -> int:
    return unmerge(world.connection, world.settings, customer, list(records), "lin", DAY, "called both")


def test_a_pair_is_explained_field_by_field_with_its_weights(known: Any) -> None:
    found = explain_pair(known.connection, known.settings, "M1", "ecommerce.customers:A1")
    assert found.outcome == "SAME"
    assert found.customers[0] == found.customers[1] == known.customer("pos.members", "M1")
    fields = {f.field: f for f in found.fields}
    for field in ("name", "phone", "birthday"):
        assert fields[field].level == "same"
        assert fields[field].weight is not None
        assert fields[field].weight > 0
        assert fields[field].words == f"{field} agrees: speaks for one person, {fields[field].weight:+.1f}"
    assert fields["email"].words == "email is missing on one side: says nothing"
    assert [(str(k.left), str(k.right), k.rule) for k in found.path] == [
        ("pos.members:M1", "ecommerce.customers:A1", "phone_same_name")
    ]


def test_what_speaks_against_is_negative_and_says_so(known: Any) -> None:
    found = explain_pair(known.connection, known.settings, "A2", "M2")
    assert found.outcome in ("DIFFERENT", "REVIEW")
    found = explain_pair(known.connection, known.settings, "M1", "M2")
    fields = {f.field: f for f in found.fields}
    assert fields["name"].weight is not None
    assert fields["name"].weight < 0
    assert "speaks for two people" in fields["birthday"].words
    assert "the records contradict each other: no score joins them directly" in found.reasons


def test_a_chain_of_links_is_shown_where_two_records_hang_together_over_others(known: Any) -> None:
    found = explain_pair(known.connection, known.settings, "K1", "A2")
    assert found.outcome == "SAME"
    assert len(found.path) >= 2
    assert found.path[0].words.startswith("it names the member")
    ends = {found.path[-1].left.record_key, found.path[-1].right.record_key}
    assert "A2" in ends


def test_two_customers_are_explained_by_their_most_alike_records(known: Any) -> None:
    one, other = known.customer("pos.members", "M1"), known.customer("pos.members", "M2")
    found = explain_pair(known.connection, known.settings, one, other)
    assert found.customers == (one, other)
    assert {f.field: f.level for f in found.fields}["phone"] in ("same", "close")
    assert found.left.record_key in ("M1", "A1", "A2")


def test_a_pair_in_the_grey_zone_waits_for_review(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    world.member("M2", "张丽", "13912340001")
    world.case("K1", "张总", "13912340001")
    world.resolve()
    found = explain_pair(world.connection, world.settings, "K1", "M1")
    assert found.outcome == "REVIEW"
    assert "the pair waits for review: several people possible" in found.reasons
    assert "call_center.cases:K1 belongs to no customer" in found.reasons


def test_a_customer_is_explained_by_records_links_and_history(known: Any) -> None:
    found = explain_customer(known.connection, "A1")
    assert {r.record_key for r, *_ in found.records} == {"M1", "A1", "A2", "K1"}
    assert {k.rule for k in found.links} >= {"phone_same_name", "email", "member_id"}
    assert found.history == ()


def test_no_explanation_holds_a_value_of_a_person(known: Any) -> None:
    told = repr(explain_pair(known.connection, known.settings, "M1", "A1"))
    told += repr(explain_customer(known.connection, "A1"))
    for value in ("张伟", "13912340001", "zhang@qq.com", "1990"):
        assert value not in told


@pytest.mark.parametrize("text", ["nobody", "pos.members:M9", "C00000000000"])
def test_what_is_not_there_is_named(known: Any, text: str) -> None:
    with pytest.raises(UserError, match="No record is named"):
        explain_pair(known.connection, known.settings, text, "M1")


def test_a_key_of_two_sources_must_name_its_source(world: Any) -> None:
    world.member("X1", "张伟", "13912340001")
    world.account("X1", "王芳", "13912340002")
    world.resolve()
    with pytest.raises(UserError, match=r"ecommerce\.customers:X1, pos\.members:X1"):
        record_named(world.connection, "X1")
    assert record_named(world.connection, "pos.members:X1") == RecordRef("pos.members", "X1")


def test_unmerge_parts_a_record_for_good(known: Any) -> None:
    customer = known.customer("pos.members", "M1")
    assert part(known, customer, "A2") == 2
    known.resolve()
    assert known.customer("ecommerce.customers", "A2") != customer
    assert known.customer("pos.members", "M1") == known.customer("ecommerce.customers", "A1") == customer
    ((reason,),) = known.rows("select reason from identity.id_history where change = 'split'")
    assert reason.startswith("a reviewer decided")


def test_unmerge_takes_back_a_merge_and_the_old_id_returns(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", delivered="2026-05-01")
    world.account("A1", "张伟", None, delivered="2026-05-02")
    world.resolve()
    old = world.customer("ecommerce.customers", "A1")
    world.connection.execute("update clean.ecommerce_customers set phone = '13912340001'")
    world.resolve()
    assert world.customer("ecommerce.customers", "A1") != old
    assert part(world, old) == 1
    world.resolve()
    assert world.customer("ecommerce.customers", "A1") == old


def test_unmerge_refuses_what_cannot_be(known: Any) -> None:
    customer = known.customer("pos.members", "M1")
    with pytest.raises(UserError, match="M2 is no record of customer"):
        part(known, customer, "M2")
    with pytest.raises(UserError, match="carries the member or account"):
        part(known, customer, "K1")
    with pytest.raises(UserError, match="All records of customer"):
        part(known, customer, "M1", "A1", "A2", "K1")
    with pytest.raises(UserError, match="was never merged"):
        part(known, customer)
    assert read_decisions(decisions_file(known.settings.warehouse)) == ()


def test_a_decision_that_contradicts_others_is_refused_before_it_is_written(known: Any) -> None:
    def ask(left: str, right: str, verdict: Any) -> None:
        refs = [record_named(known.connection, text) for text in (left, right)]
        decide(known.connection, known.settings, Decision(refs[0], refs[1], verdict, "lin", DAY, "called"))

    ask("M1", "M2", "same")
    ask("M2", "A2", "same")
    with pytest.raises(UserError, match="cannot bind"):
        ask("M1", "A2", "different")
    with pytest.raises(UserError, match="carry the same member"):
        ask("K1", "M1", "different")
    assert len(read_decisions(decisions_file(known.settings.warehouse))) == 2
