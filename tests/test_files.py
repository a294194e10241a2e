"""Checksums of files: content and place count, and nothing else."""

from pathlib import Path

import pytest

from orchestration.files import checksum


@pytest.fixture
def rules(tmp_path: Path) -> list[Path]:
    """Two files of rules, in folders of their own."""
    paths = [tmp_path / "seeds" / "a.csv", tmp_path / "models" / "b.sql"]
    for path in paths:
        path.parent.mkdir()
        path.write_text(path.name, encoding="utf-8")
    return paths


def test_the_order_of_files_and_a_file_named_twice_make_no_difference(tmp_path: Path, rules: list[Path]) -> None:
    assert checksum(rules, tmp_path) == checksum([*reversed(rules), rules[0]], tmp_path)


def test_an_edit_a_move_and_a_file_less_are_seen(tmp_path: Path, rules: list[Path]) -> None:
    first, second = rules
    seen = {checksum(rules, tmp_path), checksum([first], tmp_path)}
    moved = second.rename(first.with_name("b.sql"))
    seen.add(checksum([first, moved], tmp_path))
    moved.write_text("edited", encoding="utf-8")
    seen.add(checksum([first, moved], tmp_path))
    assert len(seen) == 4


def test_another_root_of_the_same_files_gives_the_same_checksum(tmp_path: Path, rules: list[Path]) -> None:
    before = checksum(rules, tmp_path)
    root = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    assert checksum((root / path.relative_to(tmp_path) for path in rules), root) == before
