from pathlib import Path

import pytest
import yaml

from data_quality.suite import Suite, load_suites

SOUND = {
    "stage": "raw",
    "description": "d",
    "asset": ["raw", "files"],
    "owner": "team:data-engineering",
    "expectations": [
        {
            "name": "every_file_has_rows",
            "table": "raw.files",
            "type": "unexpected_rows",
            "arguments": {"sql": "select file from {table} where rows is null"},
            "key": ["file"],
            "severity": "error",
            "why": "A file without a count cannot be balanced.",
        }
    ],
}


def load(folder: Path, file_name: str = "raw", **changes: object) -> dict[str, Suite]:
    expectation = {**SOUND["expectations"][0], **changes}
    (folder / f"{file_name}.yml").write_text(yaml.safe_dump({**SOUND, "expectations": [expectation]}), encoding="utf-8")
    return load_suites(folder)


def test_the_projects_suites_are_sound_and_cover_every_stage():
    suites = load_suites()
    assert set(suites) == {"raw", "clean", "identity", "marts", "published"}
    assert all(any(e.severity == "error" for e in s.expectations) for s in suites.values())
    names = [e.name for s in suites.values() for e in s.expectations]
    assert len(names) == len(set(names))


def test_a_sound_suite_loads(tmp_path):
    loaded = load(tmp_path)
    assert [e.name for e in loaded["raw"].expectations] == [SOUND["expectations"][0]["name"]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"severity": "blocker"}, "severity"),
        ({"why": ""}, "why"),
        ({"name": "Rule 17"}, "name"),
        ({"table": "files"}, "table"),
        ({"type": "is_fine"}, "no type of expectation"),
        ({"arguments": {"sql": "select 1 as file"}}, "reads from"),
        ({"key": []}, "key"),
        ({"key": ["receiver_phone"]}, "receiver_phone hold personal data"),
        ({"type": "no_personal_data", "arguments": {"schemas": ["marts"], "columns": "all"}}, "identifier"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_broken_expectation_is_named_with_its_file(tmp_path, changes, said):
    with pytest.raises(ValueError, match=r"Suite raw\.yml is not valid") as broken:
        load(tmp_path, **changes)
    assert said in str(broken.value)


def test_a_file_must_be_named_for_its_stage(tmp_path):
    with pytest.raises(ValueError, match=r"name the file raw\.yml"):
        load(tmp_path, file_name="rohdaten")


def test_two_expectations_cannot_share_a_name(tmp_path):
    twice = {**SOUND, "expectations": SOUND["expectations"] * 2}
    (tmp_path / "raw.yml").write_text(yaml.safe_dump(twice), encoding="utf-8")
    with pytest.raises(ValueError, match="used twice: every_file_has_rows"):
        load_suites(tmp_path)
