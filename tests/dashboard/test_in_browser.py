"""The dashboard as people see it, in a headless Chromium; `make test-browser` runs these alone."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.dashboard.aggregates import collect
from orchestration.dashboard.page import build_page, vega_bundle
from orchestration.dashboard.sections import SECTIONS
from orchestration.dashboard.words import read_words, words_for
from orchestration.settings import Settings
from tests.browser import PHONE, Visit, contact_data

pytestmark = pytest.mark.slow

CHARTS = [panel for panels in SECTIONS.values() for panel in panels if panel.chart]
MARKS = "document.querySelectorAll('#chart-{} svg g.role-mark > *').length"


class Health(Visit):
    """A visit to the customer health page."""

    def __init__(self, browser: Any, file: Path, chosen: str = "language=en&theme=light", size: Any = None) -> None:
        super().__init__(browser, size)
        self.page.goto(f"{file.as_uri()}#{chosen}")
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_selector("html[data-ready=yes]", timeout=120_000)

    def choose(self, name: str, value: str) -> None:
        self.page.select_option(f"#filter-{name}", value)
        self.ready()

    def customers(self) -> int:
        return int(self.page.locator(".headline b").first.inner_text().replace(",", ""))

    def drawn(self, panel: str) -> str:
        return str(self.page.inner_html(f"#chart-{panel}"))


@pytest.fixture(scope="module")
def dashboard(refreshed_world: Path) -> Path:
    return (refreshed_world / "warehouse" / "serving" / "current" / "dashboard.html").resolve()


@pytest.fixture(scope="module")
def desk(browser: Any, dashboard: Path) -> Health:
    return Health(browser, dashboard)


def test_nothing_is_loaded_and_nothing_goes_wrong(desk: Health, dashboard: Path) -> None:
    assert desk.said == []
    assert {url.split("#")[0] for url in desk.requests} == {dashboard.as_uri()}
    assert dashboard.stat().st_size < 3_000_000


@pytest.mark.parametrize("panel", [panel.id for panel in CHARTS])
def test_every_chart_has_marks(desk: Health, panel: str) -> None:
    assert desk.page.evaluate(MARKS.format(panel)) > 0


def test_every_section_shows_something(desk: Health) -> None:
    for section in SECTIONS:
        assert desk.page.locator(f"#{section} svg, #{section} table").count() > 0, section
    assert desk.page.locator("#kpis .card .spark .line").count() > 20
    told = desk.page.locator("#kpis .card .spark .line, #kpis .card .spark.first").count()
    assert told == desk.page.locator("#kpis .card").count() > 30
    assert desk.page.locator("#quality tbody tr").count() >= 8


def test_red_cards_come_first_and_name_their_owner_and_action(desk: Health) -> None:
    cards = desk.page.locator("#kpis .card")
    looks = [cards.nth(place).get_attribute("class").split()[-1] for place in range(cards.count())]
    rank = ["red", "yellow", "green", "none"]
    assert looks == sorted(looks, key=rank.index)
    assert looks[0] == "red"
    assert cards.first.locator(".who").inner_text()
    assert cards.first.locator(".action").inner_text()


@pytest.mark.parametrize("name", ["tier", "channel", "region"])
def test_a_filter_changes_what_answers_to_it_and_says_what_does_not(browser: Any, dashboard: Path, name: str) -> None:
    visit = Health(browser, dashboard)
    everybody = visit.customers()
    before = {panel.id: visit.drawn(panel.id) for panel in CHARTS}
    cards = visit.page.inner_text("#kpis")
    options = visit.page.eval_on_selector_all(f"#filter-{name} option", "found => found.map(one => one.value)")[1:]
    parts = []
    for option in options:
        visit.choose(name, option)
        parts.append(visit.customers())
    assert sum(parts) == everybody
    visit.choose(name, options[0])
    changed = {panel.id for panel in CHARTS if visit.drawn(panel.id) != before[panel.id]}
    assert {"funnel", "rfm_segments", "audiences", "completeness", "topics"} <= changed
    assert "uplift" not in changed
    assert (visit.page.inner_text("#kpis") != cards) == (name != "region")
    assert name in visit.page.locator("figure:has(#chart-uplift) .chip").inner_text().lower()
    assert visit.said == []
    visit.page.close()


def test_chinese_and_dark_are_a_click_away(browser: Any, dashboard: Path) -> None:
    visit = Health(browser, dashboard)
    light = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    visit.page.click("#language")
    visit.ready()
    visit.page.click("#theme")
    visit.ready()
    assert visit.page.inner_text("h1") == "客户健康看板"
    assert "生命周期" in visit.page.inner_text("nav")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert "language=zh" in visit.page.url
    assert visit.said == []
    visit.page.close()


def test_a_phone_scrolls_down_only(browser: Any, dashboard: Path) -> None:
    visit = Health(browser, dashboard, "language=zh", PHONE)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    widest = visit.page.evaluate("Math.max(...[...document.querySelectorAll('.chart svg')].map(s => s.clientWidth))")
    assert widest <= PHONE["width"]
    assert visit.said == []
    visit.page.close()


def test_it_prints(desk: Health, tmp_path: Path) -> None:
    printed = tmp_path / "dashboard.pdf"
    desk.page.pdf(path=str(printed), format="A4")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) <= 20


def test_nobody_can_be_recognised(desk: Health, refreshed_world: Path) -> None:
    text = desk.page.inner_text("body") + desk.page.locator("#content").text_content()
    assert contact_data(text) == []
    with duckdb.connect(str(refreshed_world / "warehouse" / "warehouse.duckdb"), read_only=True) as working:
        people = working.execute(
            "select unnest([customer_id, name, masked_name, right(phone, 11), email]) as value from identity.customers"
        ).fetchall()
    # Two characters may be a province or a word.
    values = {value for (value,) in people if value and len(value) > 2}
    assert sorted(value for value in values if value in text) == []


def test_a_hostile_value_is_shown_and_does_nothing(browser: Any, published, tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    con = published(
        "insert into marts.customer_360 by name "
        f"select 'c1' as customer_id, '{hostile}' as province, '{hostile}' as official_tier, 'acquired' as funnel_stage"
    )
    datasets = collect(con, date(2026, 6, 30))
    words, codes = words_for(read_words(Settings(_env_file=None).reference_dir / "dashboard_strings.csv"), datasets)
    meta = {"version": hostile, "as_of": "2026-06-30", "created_at": "", "gates": 0, "gates_passed": 0}
    page = build_page({**meta, "checks": 0, "checks_passed": 0}, datasets, words, codes, vega_bundle(tmp_path))
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    visit = Health(browser, tmp_path / "page.html")
    assert visit.dialogs == 0
    assert hostile in visit.page.inner_text("#filter-region")
    assert [line for line in visit.said if line.startswith("error")] == []
    assert len(visit.requests) == 1
    assert visit.page.locator(".panel.empty").count() > 10
    visit.page.close()
