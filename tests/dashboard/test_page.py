import base64
import hashlib
import json
import re
import sys
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import altair as alt
import pytest

from orchestration.dashboard.aggregates import collect
from orchestration.dashboard.page import build_page, json_in_html, vega_bundle
from orchestration.dashboard.sections import SECTIONS, Panel
from orchestration.dashboard.words import read_words, words_for
from orchestration.settings import Settings

WORDS = read_words(Settings(_env_file=None).reference_dir / "dashboard_strings.csv")
PANELS = [panel for panels in SECTIONS.values() for panel in panels]
# A value that tries every way out of its place.
HOSTILE = "</script><script>alert(1)</script><!-- & \u2028 </SCRIPT x='\">"
META = {"version": HOSTILE, "as_of": "2026-06-30"}


class Parsed(HTMLParser):
    """A page as a browser cuts it: its scripts, its policy, and what it would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.in_script = False
        self.policy = ""
        self.loads: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""
        self.in_script = tag == "script"
        if self.in_script:
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.in_script:
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.in_script = False


@pytest.fixture
def hostile_page(published) -> str:
    sql = HOSTILE.replace("'", "''")
    con = published(
        "insert into marts.customer_360 by name "
        f"select 'c1' as customer_id, '{sql}' as province, '{sql}' as official_tier, "
        f"'{sql}' as preferred_channel, '{sql}' as rfm_segment, 1 as r_score, 1 as f_score, '{sql}' as lifecycle_stage"
    )
    datasets = collect(con, date(2026, 6, 30))
    words, codes = words_for(WORDS, datasets)
    return build_page(META, datasets, words, codes, "window.vegaEmbed = '</script><!--'")


def test_no_value_leaves_its_place(hostile_page: str) -> None:
    page = Parsed(hostile_page)
    assert len(page.scripts) == 3  # the data, Vega, the behaviour: nothing that a value brought
    content = json.loads(page.scripts[0])
    assert content["meta"]["version"] == HOSTILE
    assert content["filters"]["region"] == [HOSTILE]
    assert not re.search("[<>&\u2028]", page.scripts[0])


def test_only_the_two_scripts_of_the_page_may_run_and_nothing_may_be_loaded(hostile_page: str) -> None:
    page = Parsed(hostile_page)
    assert page.loads == []
    assert page.policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in page.policy
    assert re.findall("script-src [^;]*unsafe", page.policy) == []
    for script in page.scripts[1:]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy


def test_json_in_a_page_reads_back_as_it_was() -> None:
    assert json.loads(json_in_html({"a": HOSTILE, "b": [1.5, None, True]})) == {"a": HOSTILE, "b": [1.5, None, True]}


@pytest.mark.parametrize("panel", [p for p in PANELS if p.chart], ids=lambda p: p.id)
def test_a_chart_is_vega_lite_as_altair_knows_it(panel: Panel) -> None:
    """In a refresh specs are not checked, which takes longer than making them."""
    codes = {
        "tier": ["gold", "not_yet"],
        "stage": ["new"],
        "channel": ["store"],
        "arm": ["control"],
        "outcome": ["repeated"],
    }
    assert panel.chart is not None
    alt.Chart.from_dict(panel.chart(codes).to_dict(validate=True))
    spec = panel.spec(codes)
    assert spec is not None
    assert spec["width"] == "container"
    assert '"url"' not in json.dumps(spec)


@pytest.mark.parametrize("panel", [p for p in PANELS if p.chart], ids=lambda p: p.id)
def test_every_word_that_a_chart_asks_for_is_there(panel: Panel) -> None:
    codes = {"tier": [], "stage": [], "channel": [], "arm": [], "outcome": []}
    asked = set(re.findall(r'"@([^"]+)"', json.dumps(panel.spec(codes), ensure_ascii=False)))
    assert asked - set(WORDS) == set()


def test_vega_is_bundled_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    vl_convert = SimpleNamespace(javascript_bundle=lambda vl_version: calls.append(vl_version) or "vega")
    monkeypatch.setitem(sys.modules, "vl_convert", vl_convert)
    assert vega_bundle(tmp_path / "cache") == vega_bundle(tmp_path / "cache") == "vega"
    assert calls == ["6.4"]
