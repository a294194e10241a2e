from datetime import UTC, date, datetime, timedelta

import pytest

from orchestration.errors import UserError
from orchestration.fingerprint import input_fingerprint
from orchestration.plan import plan_refresh
from orchestration.publication.manifest import FILE_NAME
from orchestration.publication.publish import publish
from orchestration.publication.rollback import HOLD_FILE, hold_in_force, release_hold, rollback, switches
from orchestration.publication.versions import Version, current_version, new_version_id, switch_to
from orchestration.settings import Settings
from tests.published_versions import seal

NOW = datetime(2026, 6, 30, 2, 0, tzinfo=UTC)


@pytest.fixture
def empty(tmp_path):
    (tmp_path / "landing").mkdir()
    return Settings(_env_file=None, landing=tmp_path / "landing", warehouse=tmp_path)


@pytest.fixture
def lay_down(empty):
    """A version made from these inputs, which readers see from now on."""

    def call(fingerprint: str) -> Version:
        version_id = new_version_id(empty, NOW, "abcdef")
        folder = empty.serving_dir / "versions" / version_id
        folder.mkdir(parents=True)
        (folder / FILE_NAME).write_bytes(fingerprint.encode())
        version = seal(folder, as_of=NOW.date(), created_at=NOW + timedelta(minutes=1), fingerprint=fingerprint)
        switch_to(empty, version)
        return version

    return call


def go_back(settings, wanted=None, **how):
    return rollback(settings, wanted, by="wang", why="tiers are wrong", **how)


def refused(settings, fingerprint):
    hold = hold_in_force(settings)
    return hold.refuses(fingerprint) if hold else None


def test_readers_see_the_version_before_and_the_log_says_who_and_why(empty, lay_down):
    first, second = lay_down("a"), lay_down("b")
    assert go_back(empty) == first
    assert current_version(empty) == first
    (told,) = switches(empty)
    assert (told.action, told.version, told.previous) == ("rollback", first.id, second.id)
    assert (told.by, told.why) == ("wang", "tiers are wrong")


def test_what_was_taken_back_is_refused_from_the_same_inputs_and_let_out_from_others(empty, lay_down):
    lay_down("a")
    second = lay_down("b")
    go_back(empty)
    assert f"inputs and rules are still those of {second.id}" in refused(empty, "b")
    assert refused(empty, "c") is None
    lay_down("c")
    assert hold_in_force(empty) is None


def test_a_publication_asks_the_hold(settings, publish_now):
    first = publish_now()
    second = publish(settings, as_of=date(2026, 6, 30), run_id="run0", fingerprint="f2")
    assert [s.action for s in switches(settings)] == ["publish", "publish"]
    go_back(settings)
    with pytest.raises(UserError, match=f"those of {second.id}"):
        publish(settings, as_of=date(2026, 6, 30), run_id="run0", fingerprint="f2")
    assert current_version(settings) == first


def test_a_pinned_version_stays_whatever_comes_until_the_pin_is_taken_away(empty, lay_down):
    first = lay_down("a")
    lay_down("b")
    go_back(empty, pin=True)
    assert "refresh --publish" in refused(empty, "c")
    assert release_hold(empty, by="li", why="mended").version == first.id
    assert refused(empty, "b") is None
    assert switches(empty)[0].action == "release_hold"


def test_going_forward_to_the_newest_leaves_no_hold(empty, lay_down):
    lay_down("a")
    second = lay_down("b")
    go_back(empty)
    assert go_back(empty, second.id) == second
    assert not (empty.serving_dir / HOLD_FILE).exists()


def test_two_steps_back_hold_both_versions_back(empty, lay_down):
    first = lay_down("a")
    lay_down("b")
    lay_down("c")
    go_back(empty)
    assert go_back(empty) == first
    assert refused(empty, "b")
    assert refused(empty, "c")


def test_a_rollback_that_was_cut_short_before_the_switch_holds_nothing(empty, lay_down):
    lay_down("a")
    second = lay_down("b")
    go_back(empty)
    switch_to(empty, second)
    assert refused(empty, "b") is None


def test_a_damaged_file_is_not_gone_back_to(empty, lay_down):
    first, second = lay_down("a"), lay_down("b")
    first.file.write_bytes(b"x")
    with pytest.raises(UserError, match="checksum"):
        go_back(empty)
    assert current_version(empty) == second


def test_there_is_nothing_before_the_first(empty, lay_down):
    lay_down("a")
    with pytest.raises(UserError, match="no published version 'previous'"):
        go_back(empty)


def test_a_damaged_hold_stops_publication_rather_than_being_passed_over(empty, lay_down):
    lay_down("a")
    (empty.serving_dir / HOLD_FILE).write_text("{")
    with pytest.raises(UserError, match="delete the file"):
        hold_in_force(empty)


def test_a_refresh_after_a_rollback_has_nothing_to_do_until_something_changes(empty, lay_down):
    lay_down("older")
    lay_down(input_fingerprint(empty))
    go_back(empty)
    plan = plan_refresh(empty)
    assert plan.nothing_new
    assert "tiers are wrong" in plan.held
    release_hold(empty, by="li", why="wanted after all")
    assert not plan_refresh(empty).nothing_new
