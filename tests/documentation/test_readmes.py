"""The English and the Chinese README say the same."""

import re
from pathlib import Path

import pytest

from orchestration.settings import PROJECT_ROOT
from tests.documentation.commands import of_page

ENGLISH, CHINESE = PROJECT_ROOT / "README.md", PROJECT_ROOT / "README.zh-CN.md"
_LINK = re.compile(r"\]\(([^)#]+)")


def headings(path: Path) -> list[int]:
    return [len(found) for found in re.findall(r"^(#+) ", path.read_text(encoding="utf-8"), re.MULTILINE)]


def table_names(path: Path) -> list[list[str]]:
    """What stands in code quotes in the first cell of each row of a table."""
    rows = re.findall(r"^\| ([^|]+) \|", path.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.findall(r"`([^`]+)`", first) for first in rows]


def links(path: Path) -> list[str]:
    other = {"README.md", "README.zh-CN.md"}
    return [link for link in _LINK.findall(path.read_text(encoding="utf-8")) if link not in other]


def test_both_have_the_same_headings() -> None:
    assert headings(ENGLISH) == headings(CHINESE)
    assert len(headings(ENGLISH)) > 5


def test_both_have_the_same_commands() -> None:
    assert [c.text for c in of_page("README.md")] == [c.text for c in of_page("README.zh-CN.md")]


def test_both_have_the_same_tables() -> None:
    assert table_names(ENGLISH) == table_names(CHINESE)
    assert len(table_names(ENGLISH)) > 10


def test_both_lead_to_the_same_places() -> None:
    assert links(ENGLISH) == links(CHINESE)


@pytest.mark.parametrize("path", [ENGLISH, CHINESE], ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    inside = [link for link in _LINK.findall(path.read_text(encoding="utf-8")) if not link.startswith("http")]
    assert [link for link in inside if not (PROJECT_ROOT / link).exists()] == []


def test_each_names_the_other_and_speaks_its_language() -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in (ENGLISH, CHINESE))
    assert "(README.zh-CN.md)" in english
    assert "(README.md)" in chinese
    assert len(re.findall("[\u4e00-\u9fff]", chinese)) > 1000
