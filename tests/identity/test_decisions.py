"""Decisions of people bind every later run, also over others, and faults in them are named."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.errors import UserError
from orchestration.identity.decisions import (
    Decision,
    RecordRef,
    Verdict,
    append_decisions,
    decisions_file,
    judge,
    known_by,
    read_decisions,
    revoke,
)

HEADER = "left_source,left_record_key,right_source,right_record_key,decision,decided_by,decided_on,why"


def ref(text: str) -> RecordRef:
    source = {"M": "pos.members", "A": "ecommerce.customers", "K": "call_center.cases", "G": "ecommerce.orders"}
    return RecordRef(source[text[0]], text)


def decision(left: str, right: str, verdict: Verdict, day: int = 1) -> Decision:
    return Decision(ref(left), ref(right), verdict, "lin", date(2026, 5, day), "seen at the till")


def decide(world: Any, left: str, right: str, verdict: Verdict, day: int = 1) -> None:
    append_decisions(decisions_file(world.settings.warehouse), [decision(left, right, verdict, day)])


def customer(world: Any, text: str) -> str | None:
    found: str | None = world.customer(ref(text).source, text)
    return found


def statuses(world: Any) -> list[str]:
    return [s for (s,) in world.rows("select status from identity.decisions order by row_number")]


def test_what_was_decided_later_was_not_known_then() -> None:
    early, late = decision("M1", "A1", "same", day=1), decision("M1", "A2", "same", day=9)
    taken_back = replace(early, revoked_by="lin", revoked_on=date(2026, 5, 9))
    assert known_by([early, late], date(2026, 5, 8)) == (early,)
    assert known_by([taken_back], date(2026, 5, 8)) == (early,)
    assert known_by([taken_back, late], date(2026, 5, 9)) == (taken_back, late)
    assert known_by([taken_back, late], None) == (taken_back, late)


def test_same_joins_what_nothing_else_joins(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    world.account("A1", "王芳", "13912340002", birthday="1990-01-02")
    decide(world, "M1", "A1", "same")
    world.resolve()
    assert customer(world, "M1") == customer(world, "A1")
    assert world.matched_by("ecommerce.customers", "A1") == "decided_same"
    assert ("decided_same", 1.0) in world.rows("select rule, match_probability from identity.links")


def test_same_outweighs_a_contradiction_and_tears_nobody_away(world: Any) -> None:
    world.member("M1", "王芳", "13912340001", birthday="1990-01-02")
    world.account("A1", "王芳", "13912340001", birthday="1990-01-02")
    world.account("A2", "李芳", "13912340002", birthday="1985-05-06")
    world.account("A3", "李芳", "13912340002", birthday="1985-05-06")
    decide(world, "M1", "A2", "same")
    world.resolve()
    assert len({customer(world, k) for k in ("M1", "A1", "A2", "A3")}) == 1


def test_different_parts_what_everything_else_joins(world: Any) -> None:
    world.member("M1", "张伟", "13912340001", id_card="110101199001010019")
    world.account("A1", "张伟", "13912340001", unionid="wx1")
    world.account("A2", "张伟", "13912340001", unionid="wx1")
    decide(world, "M1", "A1", "different")
    decide(world, "M1", "A2", "different")
    world.resolve()
    assert customer(world, "M1") != customer(world, "A1") == customer(world, "A2")


def test_different_holds_over_a_third_record_that_both_would_join(world: Any) -> None:
    for key in ("A1", "A2", "A3"):
        world.account(key, "张伟", "13912340001")
    decide(world, "A1", "A3", "different")
    world.resolve()
    assert customer(world, "A1") != customer(world, "A3")
    assert customer(world, "A2") in (customer(world, "A1"), customer(world, "A3"))


def test_who_is_the_same_as_somebody_differs_from_whom_that_one_differs_from(world: Any) -> None:
    world.member("M1", "王芳", "13912340001")
    world.account("A1", "张伟", "13912340002")
    world.account("A2", "张伟", "13912340002")
    decide(world, "M1", "A1", "same")
    decide(world, "M1", "A2", "different")
    world.resolve()
    assert customer(world, "M1") == customer(world, "A1") != customer(world, "A2")


def test_two_decided_same_keep_their_friends_apart_where_those_were_decided_to_differ(world: Any) -> None:
    world.member("M1", "王芳", "13912340001")
    world.account("A1", "王芳", "13912340001")
    world.member("M2", "张伟", "13912340002")
    world.account("A2", "张伟", "13912340002")
    decide(world, "M1", "M2", "same")
    decide(world, "A1", "A2", "different")
    world.resolve()
    assert customer(world, "M1") == customer(world, "M2")
    assert customer(world, "A1") != customer(world, "A2")


def test_a_decision_tells_which_of_two_people_a_part_of_a_name_means(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    world.member("M2", "张丽", "13912340001")
    world.case("K1", "张总", "13912340001")
    world.resolve()
    assert customer(world, "K1") is None
    decide(world, "K1", "M2", "different")
    world.resolve()
    assert customer(world, "K1") == customer(world, "M1")
    decide(world, "K1", "M2", "same", day=2)
    world.resolve()
    assert customer(world, "K1") == customer(world, "M2")
    assert statuses(world) == ["superseded", "bound"]


def test_two_parts_of_a_name_decided_to_differ_do_not_join_over_the_one_they_could_mean(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    world.case("K1", "张总", "13912340001")
    world.case("K2", "张经理", "13912340001")
    decide(world, "K1", "K2", "different")
    world.resolve()
    assert customer(world, "K1") is None or customer(world, "K1") != customer(world, "K2")


def test_a_decided_pair_leaves_the_review_queue_and_comes_back_when_revoked(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    world.member("M2", "张丽", "13912340001")
    world.case("K1", "张总", "13912340001")
    queue = "select left_record_key, right_record_key, reason from identity.review_queue where right_record_key = 'K1'"
    world.resolve()
    assert {(k, r) for k, _, r in world.rows(queue)} == {
        ("M1", "several_people_possible"),
        ("M2", "several_people_possible"),
    }
    decide(world, "K1", "M1", "different")
    decide(world, "K1", "M2", "different")
    world.resolve()
    assert world.rows(queue) == []
    assert revoke(decisions_file(world.settings.warehouse), ref("M1"), ref("K1"), "chen", date(2026, 6, 2)) == 1
    revoke(decisions_file(world.settings.warehouse), ref("M2"), ref("K1"), "chen", date(2026, 6, 2))
    world.resolve()
    assert len(world.rows(queue)) == 2
    assert statuses(world) == ["revoked", "revoked"]


def test_decisions_bind_over_reruns_and_rebuilds(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    world.account("A1", "王芳", "13912340002")
    decide(world, "M1", "A1", "same")
    for _ in range(2):
        world.resolve()
        world.connection.execute("drop schema identity cascade; create schema identity")
    world.resolve()
    assert customer(world, "M1") == customer(world, "A1")
    assert world.rows("from identity.id_history") == []


def test_decisions_that_contradict_each_other_over_others_are_reported_and_the_difference_stands(world: Any) -> None:
    for number in range(1, 4):
        world.account(f"A{number}", None, f"1391234000{number}")
    decide(world, "A1", "A3", "different", day=1)
    decide(world, "A1", "A2", "same", day=2)
    decide(world, "A2", "A3", "same", day=3)
    world.resolve()
    assert statuses(world) == ["bound", "conflict", "bound"]
    (message,) = world.rows("select message from identity.decisions where status = 'conflict'")
    assert message == ("row 2 says different about records that rows 3, 4 would join; revoke one of them",)
    assert customer(world, "A1") != customer(world, "A2") == customer(world, "A3")


def test_a_case_that_names_a_member_cannot_be_decided_away_from_it(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    world.case("K1", "张先生", "13912340001", member_id="M1")
    decide(world, "K1", "M1", "different")
    world.resolve()
    assert statuses(world) == ["impossible"]
    assert customer(world, "K1") == customer(world, "M1")


def test_a_decision_on_a_case_that_names_a_member_is_one_on_the_member(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    world.case("K1", "张先生", None, member_id="M1")
    world.account("A1", "王芳", "13912340002")
    decide(world, "K1", "A1", "same")
    world.resolve()
    assert customer(world, "M1") == customer(world, "A1")


def test_a_decision_about_a_record_that_never_came_waits_and_says_so(world: Any) -> None:
    world.member("M1", "张伟", "13912340001")
    decide(world, "M1", "A9", "same")
    world.resolve()
    assert world.rows("select status, message from identity.decisions") == [
        ("unknown_record", "no delivery holds the record ecommerce.customers:A9")
    ]
    world.account("A9", "王芳", "13912340002")
    world.resolve()
    assert customer(world, "M1") == customer(world, "A9")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "pos.members,M1,pos.members,M2,perhaps,lin,2026-05-01,x",
            "row 2: decision `perhaps` must be same or different",
        ),
        (
            "pos.member,M1,pos.members,M2,same,lin,2026-05-01,x",
            "row 2: left_source `pos.member` is none of pos.members",
        ),
        ("pos.members,M1,pos.members,M1,same,lin,2026-05-01,x", "row 2: left and right are the same record"),
        ("pos.members,M1,pos.members,,same,lin,2026-05-01,x", "row 2: right_record_key is empty"),
        ("pos.members,M1,pos.members,M2,same,,2026-05-01,x", "row 2: decided_by is empty"),
        ("pos.members,M1,pos.members,M2,same,lin,2026-02-30,x", "row 2: decided_on `2026-02-30` is not a date"),
        ("pos.members,M1,pos.members,M2,same,lin,yesterday,x", "row 2: decided_on `yesterday` is not a date"),
        ("pos.members,M1,pos.members,M2,same,lin,2026-05-01,", "row 2: why is empty"),
        ("pos.members,M1,pos.members,M2,same,lin,2026-05-01,a,b,c,d", "row 2 has more values than columns"),
    ],
)
def test_a_faulty_row_is_named_with_its_value(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "decisions.csv").write_text(f"{HEADER}\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError) as fault:
        read_decisions(tmp_path / "decisions.csv")
    assert message in str(fault.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "decisions.csv").write_text("left_source,decision\n", encoding="utf-8")
    with pytest.raises(UserError, match="no column left_record_key, right_source"):
        read_decisions(tmp_path / "decisions.csv")


def test_what_a_spreadsheet_made_of_the_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "decisions.csv"
    row = "pos.members,M1,pos.members,M2,SAME,林,2026/5/1,电话确认"
    file.write_bytes(f"{HEADER},note\n{row},later\n,,,,,,,,\n".encode("gb18030"))
    (read,) = read_decisions(file)
    assert (read.verdict, read.decided_by, read.decided_on, read.why) == ("same", "林", date(2026, 5, 1), "电话确认")


def test_open_rows_and_columns_of_the_reviewer_survive_a_change(tmp_path: Path) -> None:
    file = tmp_path / "decisions.csv"
    file.write_text(f"{HEADER},note\npos.members,M1,pos.members,M2,,,,,call her\n", encoding="utf-8")
    append_decisions(file, [decision("M3", "M4", "same")])
    assert "pos.members,M1,pos.members,M2,,,,,call her" in file.read_text(encoding="utf-8")
    assert [d.left.record_key for d in read_decisions(file)] == ["M3"]


def test_what_was_not_decided_cannot_be_revoked(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No decision about pos\.members:M1 and pos\.members:M2 is in force"):
        revoke(tmp_path / "decisions.csv", ref("M1"), ref("M2"), "lin", date(2026, 5, 1))


KEYS = st.sampled_from([f"M{i}" for i in range(6)])
DECISIONS = st.lists(
    st.tuples(KEYS, KEYS, st.sampled_from(["same", "different"]), st.integers(1, 28)).filter(lambda d: d[0] != d[1]),
    max_size=12,
)


@given(rows=DECISIONS)
def test_bonds_never_ask_for_what_they_forbid(rows: list[tuple[str, str, Verdict, int]]) -> None:
    decisions = [decision(*row) for row in rows]
    people = {ref(f"M{i}"): i for i in range(6)}
    bonds = judge(decisions, people)
    group = {i: i for i in range(6)}
    for left, right in bonds.must:
        old, new = group[right], group[left]
        group = {i: new if g == old else g for i, g in group.items()}
    assert all(group[left] != group[right] for left, right in bonds.cannot)
    assert len(bonds.outcomes) == len(decisions)
    assert all((o.status == "bound") == (o.message is None) for o in bonds.outcomes)
    newest = {d.pair: d for d in sorted(decisions, key=lambda d: d.decided_on)}
    for d in newest.values():
        if d.verdict == "different":
            left, right = sorted(people[r] for r in d.pair)
            assert (left, right) in bonds.cannot
