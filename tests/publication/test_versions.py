from datetime import UTC, date, datetime, timedelta

import pytest

from orchestration.errors import UserError
from orchestration.publication.policy import PublicationPolicy, load_policy
from orchestration.publication.versions import (
    Version,
    current_version,
    find_version,
    list_versions,
    new_version_id,
    remove_old,
    switch_to,
)
from orchestration.settings import Settings
from tests.published_versions import seal

NOW = datetime(2026, 6, 30, 2, 0, tzinfo=UTC)
NIGHTLY = PublicationPolicy(versions_kept=2, grace=timedelta(minutes=60), whole_file_after=30)


@pytest.fixture
def empty(tmp_path):
    return Settings(_env_file=None, landing=tmp_path, warehouse=tmp_path)


def lay_down(settings: Settings, created_at: datetime) -> Version:
    version_id = new_version_id(settings, created_at, "abcdef")
    folder = settings.serving_dir / "versions" / version_id
    folder.mkdir(parents=True)
    (folder / "c360.duckdb").write_bytes(b"x")
    return seal(folder, as_of=created_at.date(), created_at=created_at)


def test_nothing_is_published_in_a_new_warehouse(empty):
    assert list_versions(empty) == []
    assert current_version(empty) is None


def test_a_link_that_became_a_folder_is_told(empty):
    (empty.serving_dir / "current").mkdir(parents=True)
    with pytest.raises(UserError, match=r"serving/current is no link to a version.*Delete it.*c360 rollback"):
        current_version(empty)


def test_ids_sort_by_time_and_carry_it(empty):
    assert new_version_id(empty, NOW, "ab12cd9999") == "20260630T020000Z-ab12cd"


def test_an_id_sorts_last_even_when_the_clock_was_set_back(empty):
    first = lay_down(empty, NOW)
    second = lay_down(empty, NOW - timedelta(days=400))
    assert [v.id for v in list_versions(empty)] == [first.id, second.id]


@pytest.mark.parametrize(("wanted", "found"), [("current", 1), ("previous", 0), ("20260630T", 0), ("20260701T02", 1)])
def test_a_version_is_named_by_its_place_or_the_beginning_of_its_id(empty, wanted, found):
    versions = [lay_down(empty, NOW), lay_down(empty, NOW + timedelta(days=1))]
    switch_to(empty, versions[1])
    assert find_version(empty, wanted) == versions[found]


@pytest.mark.parametrize("wanted", ["20200101T000000Z-000000", "../../etc", "", "2026"])
def test_a_version_that_cannot_be_told_is_refused_with_those_there_are(empty, wanted):
    first = lay_down(empty, NOW)
    lay_down(empty, NOW + timedelta(days=1))
    with pytest.raises(UserError, match=first.id):
        find_version(empty, wanted)


def test_a_folder_without_a_manifest_is_no_version(empty):
    (empty.serving_dir / "versions" / "20260101T000000Z-aaaaaa").mkdir(parents=True)
    assert list_versions(empty) == []


def test_old_versions_go_and_the_newest_stay(empty):
    versions = [lay_down(empty, NOW - timedelta(days=9 - n)) for n in range(5)]
    switch_to(empty, versions[-1])
    assert remove_old(empty, NIGHTLY, NOW) == [v.id for v in versions[:3]]
    assert list_versions(empty) == versions[3:]


def test_the_version_that_readers_see_is_never_removed(empty):
    versions = [lay_down(empty, NOW - timedelta(days=9 - n)) for n in range(5)]
    switch_to(empty, versions[0])
    remove_old(empty, NIGHTLY, NOW)
    assert list_versions(empty) == [versions[0], *versions[3:]]


def test_a_version_within_the_grace_time_is_never_removed(empty):
    versions = [lay_down(empty, NOW - timedelta(minutes=50 - n)) for n in range(5)]
    switch_to(empty, versions[-1])
    assert remove_old(empty, NIGHTLY, NOW) == []
    assert remove_old(empty, NIGHTLY, NOW + timedelta(minutes=30)) == [v.id for v in versions[:3]]


def test_the_project_keeps_at_least_the_version_before(empty):
    assert load_policy(empty.policy_dir / "publication.csv", date(2026, 6, 30)).versions_kept >= 2


def test_the_newest_rule_in_force_counts(tmp_path):
    path = tmp_path / "publication.csv"
    path.write_text(
        "setting,value,valid_from,why\nversions_kept,7,2000-01-01,a\nversions_kept,3,2026-06-01,b\n"
        "versions_kept,1,2027-01-01,c\ngrace_minutes,60,2000-01-01,d\nwhole_file_after,30,2000-01-01,e\n"
    )
    assert load_policy(path, date(2026, 6, 30)).versions_kept == 3


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("versions_kept,many,2000-01-01,w", "row 2: value 'many'"),
        (
            "versions_kept,0,2000-01-01,w\ngrace_minutes,1,2000-01-01,w\nwhole_file_after,1,2000-01-01,w",
            "versions_kept is 0",
        ),
        ("version_kept,3,2000-01-01,w", "unknown setting 'version_kept'"),
        ("versions_kept,3,2099-01-01,w\ngrace_minutes,1,2000-01-01,w", "no row in force"),
    ],
)
def test_a_broken_policy_row_is_named(tmp_path, row, said):
    path = tmp_path / "publication.csv"
    path.write_text(f"setting,value,valid_from,why\n{row}\n")
    with pytest.raises(UserError, match=said):
        load_policy(path, date(2026, 6, 30))
