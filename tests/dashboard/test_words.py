import csv
from datetime import date
from pathlib import Path

import pytest

from orchestration.dashboard.aggregates import Dataset
from orchestration.dashboard.sections import SECTIONS
from orchestration.dashboard.words import Words, read_words, words_for
from orchestration.errors import UserError
from orchestration.settings import Settings

SETTINGS = Settings(_env_file=None)
STRINGS = SETTINGS.reference_dir / "dashboard_strings.csv"


@pytest.fixture(scope="module")
def words() -> Words:
    return read_words(STRINGS)


def labels(*rows: tuple[str, str, str | None]) -> Dataset:
    return Dataset({name: [row[place] for row in rows] for place, name in enumerate(("domain", "code", "zh"))})


def test_every_section_and_panel_has_a_name_in_both_languages(words: Words) -> None:
    keys = [f"{part}.{section}" for section in SECTIONS for part in ("section", "intro")]
    keys += [f"chart.{panel.id}" for panels in SECTIONS.values() for panel in panels]
    assert [key for key in keys if not all(words.get(key, ["", ""]))] == []


def test_every_action_of_the_kpi_policy_is_translated(words: Words) -> None:
    translated = {english for key, (english, chinese) in words.items() if key.startswith("action.") and chinese}
    with (SETTINGS.policy_dir / "kpi_targets.csv").open(encoding="utf-8") as file:
        actions = {row["action"] for row in csv.DictReader(file) if row["action"]}
    assert actions <= translated


def test_a_code_that_has_no_word_is_shown_as_it_is_written_and_stands_last(words: Words) -> None:
    data = {
        "stages": Dataset({"stage": ["brand_new", "lost", "new", "unknown"]}, {"stage": "stage"}),
        "labels": labels(),
    }
    every, codes = words_for(words, data)
    assert every["stage.brand_new"] == ["Brand new", "Brand new"]
    assert codes["stage"] == ["new", "lost", "brand_new", "unknown"]


def test_a_tier_that_policy_names_keeps_its_chinese_name_and_its_rank(words: Words) -> None:
    data = {
        "tiers": Dataset({"tier": ["silver", "platinum", "none"]}, {"tier": "tier"}),
        "labels": labels(("tier", "platinum", "铂金"), ("tier", "silver", "白银")),
    }
    every, codes = words_for(words, data)
    assert every["tier.platinum"] == ["Platinum", "铂金"]
    assert codes["tier"] == ["platinum", "silver", "none"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("key,en\na,b\n", "has the columns"),
        ("key,en,zh\na,b,c\na,d,e\n", "line 3 repeats the key 'a'"),
        ("key,en,zh\na,,c\n", "no English word"),
    ],
)
def test_a_faulty_file_of_words_is_refused_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "dashboard_strings.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=fault):
        read_words(path)


def test_the_dates_of_the_page_are_written_as_days() -> None:
    from orchestration.dashboard.aggregates import _plain

    assert _plain(date(2026, 6, 30)) == "2026-06-30"
    assert _plain(float("nan")) is None
    assert _plain(0.123456789) == 0.123457
